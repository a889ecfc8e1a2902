// How many different words a text has: the version that everybody used so far.

const text = Array.from({ length: 500 }, (_, index) => `word${(index * 7919) % 128}`).join(" ");

export function distinctWords() {
  return new Set(text.split(" ")).size;
}
