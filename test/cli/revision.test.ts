import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { kernelFolder } from "../../src/build/compile.ts";
import { suitesOf } from "../../src/cli/options.ts";
import { asOfRevision, hasVariant, lostVariants, openRevision } from "../../src/cli/revision.ts";
import { InputError } from "../../src/errors.ts";

let project: string;
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), "project-"));
  git("init", "--quiet", "--initial-branch", "trunk");
  mkdirSync(path.join(project, "src/kernel/cil"), { recursive: true });
  commit("src/kernel/cil/old.ts", "first");
});
afterEach(() => rmSync(project, { recursive: true }));

function git(...args: readonly string[]): void {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_")));
  const identity = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
  };
  execFileSync("git", [...args], { cwd: project, env: { ...env, ...identity }, stdio: "ignore" });
}

function commit(file: string, text: string): void {
  writeFileSync(path.join(project, file), text);
  git("add", "--all");
  git("commit", "--quiet", "--message", "a change");
}

test("a revision is what was committed then, in a folder of its own that goes again", async () => {
  git("tag", "v1");
  commit("src/kernel/cil/old.ts", "second");
  writeFileSync(path.join(project, "src/kernel/cil/new.ts"), "not committed");
  for (const [name, text] of [
    ["v1", "first"],
    ["trunk", "second"],
    ["HEAD~1", "first"],
  ] as const) {
    const revision = (await openRevision(name, project))!;
    expect(readFileSync(path.join(revision.kernelFolder, "cil/old.ts"), "utf8")).toBe(text);
    expect(revision.commit).toMatch(/^[0-9a-f]{40}$/);
    expect([hasVariant(revision, "cil", "old"), hasVariant(revision, "cil", "new")]).toEqual([true, false]);
    expect(path.relative(project, revision.kernelFolder)).toMatch(/^\.\./);
    await revision.close();
    expect(existsSync(revision.kernelFolder)).toBe(false);
  }
  expect(readdirSync(project).sort()).toEqual([".git", "src"]);
});

test("variants of a revision that the suite has no more are found by what they export", async () => {
  commit("src/kernel/cil/contract.ts", 'import { commit, destroyItem } from "./impl";\n');
  commit("src/kernel/cil/lost.ts", "export function commit(): void {}\nexport function destroyItem(): void {}\n");
  commit("src/kernel/cil/also-lost.ts", 'export { own as commit, destroyItem } from "./lost";\n');
  commit("src/kernel/cil/part.ts", "export function commit(): void {}\nfunction destroyItem(): void {}\n");
  commit("src/kernel/cil/shadow-buffers.ts", 'export { commit, destroyItem } from "./lost";\n');
  const revision = (await openRevision("HEAD", project))!;
  expect(lostVariants(revision, "cil")).toEqual(["also-lost", "lost"]);
  expect(lostVariants(revision, "shrinker")).toEqual([]);
  await revision.close();
});

test("of each problem a variant that was renamed is lost, and none of the others", () => {
  const folder = path.join(project, "copy");
  cpSync(kernelFolder, folder, { recursive: true });
  const copy = { name: "", commit: "", kernelFolder: folder, close: async () => {} };
  for (const { problem, reference } of suitesOf([])) {
    expect(lostVariants(copy, problem)).toEqual([]);
    renameSync(path.join(folder, problem, `${reference}.ts`), path.join(folder, problem, "renamed.ts"));
    expect(lostVariants(copy, problem)).toEqual(["renamed"]);
  }
});

test.each(["nothing", "--all", ":0", "HEAD:src"])("'%s' is no revision", async (name) => {
  expect(await openRevision(name, project)).toBeNull();
});

test("a folder outside of a checkout has no revisions", async () => {
  rmSync(path.join(project, ".git"), { recursive: true });
  expect(await openRevision("HEAD", project)).toBeNull();
});

test("a revision without code under test is refused", async () => {
  git("rm", "--quiet", "-r", "src");
  commit("README.md", "nothing else");
  await expect(openRevision("HEAD", project)).rejects.toThrow(InputError);
  await expect(openRevision("HEAD", project)).rejects.toThrow(
    /^--base HEAD: revision [0-9a-f]{12} has no src\/kernel$/,
  );
});

test("what does not compile is told by its place in the revision", async () => {
  const revision = (await openRevision("HEAD", project))!;
  const place = path.join(revision.kernelFolder, "cil/old.ts");
  const bad = new InputError(`${place}:1:1: '}' expected.`);
  expect(asOfRevision(revision, bad)).toEqual(
    new InputError(
      "--base HEAD: its variants do not fit the present harness: HEAD:src/kernel/cil/old.ts:1:1: '}' expected.",
    ),
  );
  for (const other of [new InputError("no such file"), new Error(place)]) {
    expect(asOfRevision(revision, other)).toBe(other);
  }
  await revision.close();
});
