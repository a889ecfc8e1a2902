// Writes XML: attributes and texts with everything escaped that a reader would take for markup.

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\n": "&#10;",
  "\r": "&#13;",
  "\t": "&#9;",
};

/** Without the characters that no XML may hold. */
function allowed(text: string): string {
  return text.replace(/(?![\t\n\r])\p{Cc}|\p{Surrogate}|[\ufffe\uffff]/gu, "");
}

function attribute(value: string | number): string {
  return allowed(String(value)).replace(/[&<>"\n\r\t]/g, (character) => entities[character] ?? "");
}

/** A text between tags. */
export function xmlText(text: string): string {
  return allowed(text).replace(/[&<>]/g, (character) => entities[character] ?? "");
}

/** The beginning of a tag, without its `>` or `/>`. */
export function xmlTag(name: string, attributes: Readonly<Record<string, string | number>>): string {
  return `<${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${attribute(value)}"`)
    .join("")}`;
}
