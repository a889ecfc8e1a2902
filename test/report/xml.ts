// Reads XML as reports have it.

import { expect } from "vitest";

/** An element and what is in it. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: XmlElement[];
  text: string;
}

const references: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** A text of XML without its references. */
function resolve(text: string): string {
  expect(text).not.toMatch(/[<>]|&(?!(?:amp|lt|gt|quot|apos|#\d+);)/);
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code: string | undefined, name: string | undefined) =>
    code === undefined ? references[name ?? ""]! : String.fromCharCode(Number(code)),
  );
}

/** Reads XML of the kind that is written: no comments, no sections, no document type. Fails where it is not well-formed. */
export function parseXml(xml: string): XmlElement {
  // Char of XML 1.0.
  expect(xml).toMatch(/^(?:[\t\n\r\u0020-\ud7ff\ue000-\ufffd]|[\ud800-\udbff][\udc00-\udfff])*$/);
  const [declaration = ""] = /^<\?xml version="1\.0" encoding="UTF-8"\?>\n/.exec(xml) ?? [];
  expect(declaration).not.toBe("");
  const root: XmlElement = { name: "", attributes: {}, children: [], text: "" };
  const open: XmlElement[] = [root];
  let place = declaration.length;
  for (const token of xml.slice(place).matchAll(/<(\/?)([\w-]+)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)>|[^<]+/gy)) {
    const [whole, closes, name, attributes = "", isEmpty] = token;
    place += whole.length;
    const top = open.at(-1)!;
    if (name === undefined) top.text += resolve(whole);
    else if (closes === "/") {
      expect(open.pop()?.name).toBe(name);
    } else {
      const pairs = [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [
        key,
        resolve(value),
      ]);
      expect(new Set(pairs.map(([key]) => key)).size).toBe(pairs.length);
      const element: XmlElement = { name, attributes: Object.fromEntries(pairs), children: [], text: "" };
      top.children.push(element);
      if (isEmpty !== "/") open.push(element);
    }
  }
  expect([place, open, root.children.length, root.text.trim()]).toEqual([xml.length, [root], 1, ""]);
  return root.children[0]!;
}
