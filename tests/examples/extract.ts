/*
 * Finds the examples in doc comments and makes a module of each.
 *
 * An example is what stands after `@example` in a doc comment. Two forms:
 * - one that uses a name of the job's scope (`env`, `flights`, …) is the inside of a job's program;
 *   what its last line gives, a stream or a source, is run to its end;
 * - any other is run as it stands. A job that it declares or exports is run too.
 *
 * Names that an example does not declare itself are imported: from the job's scope, from the public
 * doors, from the file in which the example stands, from `sample-data.ts`, in this order.
 */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { codeOnly } from "../tidy/source-file.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** One example and where it stands. */
export interface Example {
  /** `packages/core/src/api/job.ts:24` */
  readonly place: string;
  readonly file: string;
  readonly code: string;
}

/** Doors in the order in which names are looked up. */
const DOORS = [
  ["oxbow", "packages/core/src/index.ts"],
  ["oxbow/testing", "packages/core/src/testing.ts"],
  ["oxbow/internal", "packages/core/src/internal.ts"],
  ["@oxbow/connector-parquet", "packages/connector-parquet/src/index.ts"],
  ["@oxbow/cli", "packages/cli/src/index.ts"],
] as const;

/** The members of the scope of `run-example.ts`. */
export const SCOPE = ["env", "flights", "orders", "clicks", "payments"];
const IMPORT = /^import [^;]*;$/gm;
const SAMPLE_DATA = "tests/examples/sample-data.ts";

/** Every example in the sources of the packages. */
export function readExamples(): Example[] {
  const files = globSync("packages/*/src/**/*.ts", { cwd: ROOT })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => !/\.(test|test-d|fixture|prop)\./.test(file));
  return files.toSorted().flatMap((file) => examplesOf(file, read(file)));
}

/** The examples of one file. */
export function examplesOf(file: string, text: string): Example[] {
  const examples: Example[] = [];
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const lines = comment[0].split("\n");
    const firstLine = text.slice(0, comment.index).split("\n").length;
    for (const [index, line] of lines.entries()) {
      if (!/^\s*\* @example\s*$/.test(line)) continue;
      const rest = lines.slice(index + 1).map((each) => each.replace(/^\s*\* ?/, ""));
      const end = rest.findIndex((each) => each.startsWith("@") || each === "/");
      const code = rest.slice(0, end).join("\n").trim();
      examples.push({ place: `${file}:${firstLine + index}`, file, code });
    }
  }
  return examples;
}

/** The blocks of TypeScript in the pages; not those of the tutorial, which build on each other. */
export function readPageBlocks(): Example[] {
  const pages = globSync("{README.md,docs/**/*.md,packages/*/README.md}", { cwd: ROOT })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file !== "docs/tutorial.md");
  return pages.toSorted().flatMap((file) => blocksOf(file, read(file)));
}

function blocksOf(file: string, text: string): Example[] {
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length;
    return { place: `${file}:${line}`, file, code: (match[1] ?? "").trim() };
  });
}

/** A TypeScript module that exports `run`; `folder` is where it will lie. */
export function moduleOf(example: Example, folder: string): string {
  const code = codeOnly(example.code);
  const declared = declaredNames(code);
  const used = [...new Set(usedNames(code))].filter((name) => !declared.has(name));
  const isProgram = used.some((name) => SCOPE.includes(name)) && !/\bjob\(/.test(code);
  const scope = isProgram ? used.filter((name) => SCOPE.includes(name)) : [];
  const relative = (file: string): string =>
    path.posix.join(path.posix.relative(folder, "."), file);
  const imports = new Map<string, string[]>();
  for (const name of used.filter((each) => !scope.includes(each))) {
    const origin = originOf(name, example.file);
    if (origin === undefined) continue;
    const from = origin.door ?? relative(origin.file);
    const isType = exportsOf(origin.file).get(name) === "type";
    imports.set(from, [...(imports.get(from) ?? []), isType ? `type ${name}` : name]);
  }
  const lines = [...imports].map(
    ([from, names]) => `import { ${names.join(", ")} } from "${from}";`,
  );
  const runner = isProgram ? "runProgram" : "runCode";
  const outside = example.code.match(IMPORT) ?? [];
  const inside = withResult(example.code.replace(IMPORT, ""));
  return [
    `// ${example.place}`,
    ...lines,
    ...outside,
    `import { ${runner} } from "${relative("tests/examples/run-example.ts")}";`,
    `export const run = (): Promise<void> => ${runner}(`,
    isProgram ? `({ ${scope.join(", ")} }) => {` : `async () => {`,
    inside,
    `return result;`,
    `});`,
    "",
  ].join("\n");
}

/** Keeps what the last expression statement gives as `result`. */
function withResult(code: string): string {
  const plain = code.replace(/^export default /gm, "const result = ").replace(/^export /gm, "");
  const lines = plain.split("\n");
  if (lines.some((line) => line.startsWith("const result ="))) return lines.join("\n");
  const isExpression = (line: string): boolean =>
    /^[A-Za-z_$(]/.test(line) &&
    !/^(const|let|type|interface|function|async|class|for|if|while|try|throw|return)\b/.test(
      line,
    ) &&
    !/^[\w.]+ \+?= /.test(line);
  const last = lines.findLastIndex(isExpression);
  if (last === -1) return `${plain}\nconst result = undefined;`;
  lines[last] = `const result = ${lines[last]}`;
  return lines.join("\n");
}

function declaredNames(code: string): Set<string> {
  const names = new Set<string>();
  for (const match of code.matchAll(/\b(?:const|let|type|interface|function|class) (\w+)/g)) {
    names.add(match[1] ?? "");
  }
  for (const match of code.matchAll(/\b(?:const|let|import|type) \{([^}]*)\}/g)) {
    for (const name of (match[1] ?? "").matchAll(/\w+/g)) names.add(name[0]);
  }
  return names;
}

/** Names that are neither after a dot nor the name of a property. */
function usedNames(code: string): string[] {
  const names: string[] = [];
  for (const match of code.matchAll(/(?<![\w$.])[A-Za-z_$][\w$]*/g)) {
    const isFollowedByColon = /^\s*\??:/.test(code.slice(match.index + match[0].length));
    const isAfterQuestionMark = /\?\s*$/.test(code.slice(0, match.index));
    if (!isFollowedByColon || isAfterQuestionMark) names.push(match[0]);
  }
  return names;
}

/** Where `name` is imported from; undefined: a global, or nothing that exists. */
function originOf(
  name: string,
  file: string,
): { readonly file: string; readonly door?: string } | undefined {
  for (const [door, index] of DOORS) if (exportsOf(index).has(name)) return { file: index, door };
  return [file, SAMPLE_DATA]
    .filter((each) => exportsOf(each).has(name))
    .map((each) => ({ file: each }))[0];
}

const known = new Map<string, ReadonlyMap<string, "type" | "value">>();

/** Names that a file exports; one that is both a type and a value is a value. */
export function exportsOf(file: string): ReadonlyMap<string, "type" | "value"> {
  let names = known.get(file);
  if (names === undefined) {
    const text = codeOnly(read(file));
    const kinds = new Map<string, "type" | "value">();
    const add = (name: string, isType: boolean): void => {
      if (kinds.get(name) !== "value") kinds.set(name, isType ? "type" : "value");
    };
    const declaration = /^export (?:async )?(function|const|class|interface|type) (\w+)/gm;
    for (const [, what = "", name = ""] of text.matchAll(declaration)) {
      add(name, what === "interface" || what === "type");
    }
    for (const [, type, list = ""] of text.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
      for (const entry of list.split(",")) {
        add(entry.trim().replace(/^.* as /, ""), type !== undefined);
      }
    }
    names = kinds;
    known.set(file, names);
  }
  return names;
}

/** The file, and the name in it, of everything that a door exports as a value. */
export function valuesOf(door: string): { name: string; file: string; inFile: string }[] {
  const text = read(door);
  return [...text.matchAll(/^export \{([^}]*)\} from "([^"]+)"/gm)].flatMap((match) => {
    const file = path.posix.join(path.posix.dirname(door), match[2] ?? "");
    return (match[1] ?? "")
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")
      .map((entry) => {
        const [inFile = "", name = inFile] = entry.split(" as ");
        return { name, file, inFile };
      });
  });
}

/** Whether the doc comment before the first declaration of `name` has an example. */
export function hasExample(file: string, name: string): boolean {
  const text = read(file);
  const moved = new RegExp(`^export \\{[^}]*\\b${name}\\b[^}]*\\} from "([^"]+)"`, "m").exec(text);
  if (moved !== null) {
    return hasExample(path.posix.join(path.posix.dirname(file), moved[1] ?? ""), name);
  }
  const declaration = new RegExp(`^export (?:async )?(?:function|const|class) ${name}\\b`, "m");
  const at = text.search(declaration);
  const before = text.slice(0, at).trimEnd();
  if (at === -1 || !before.endsWith("*/")) return false;
  return before.slice(before.lastIndexOf("/**")).includes("@example");
}

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), "utf8");
}
