// How many different words a text has: somebody found a list simpler.

const text = Array.from({ length: 500 }, (_, index) => `word${(index * 7919) % 128}`).join(" ");

export function distinctWords() {
  const seen = [];
  for (const word of text.split(" ")) if (!seen.includes(word)) seen.push(word);
  return seen.length;
}
