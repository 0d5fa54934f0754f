/*
 * What readers rely on in the files of snapshots, as lines of text: versions, members and their
 * types, tables with their columns, schemas. What is only added, older readers pass over; a line
 * that is gone, or is another, they would trip over. The bytes of blocks and values have golden
 * tests of their own, beside their code.
 */
import { SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import { putOn } from "../../packages/core/src/driver/disk-image.fixture.ts";
import type { DiskImage } from "../../packages/core/src/driver/disk-image.fixture.ts";
import { openSegmentFile } from "../../packages/core/src/snapshot/segment-reader.ts";
import type { SegmentFooter } from "../../packages/core/src/snapshot/segment-format.ts";

/** All lines, sorted, each once. */
export async function shapeOf(files: DiskImage): Promise<string[]> {
  const lines = new Set<string>();
  for (const [file, bytes] of files) {
    if (file.endsWith(".seg")) {
      lines.add(
        `segment version ${new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)}`,
      );
      addFooter(lines, await footerOf(bytes));
    } else {
      addText(lines, bytes);
    }
  }
  return [...lines].sort();
}

async function footerOf(bytes: Uint8Array): Promise<SegmentFooter> {
  const world = new SimWorld({ seed: "shape" });
  putOn(world.disk, new Map([["/a.seg", bytes]]));
  const { files } = world.startProcess().env;
  return (await world.scheduler.runUntil(openSegmentFile(files, "/a.seg"))).footer;
}

function addFooter(lines: Set<string>, footer: SegmentFooter): void {
  const { uid, kind, tables, schemas, keySchema } = footer;
  addMembers(lines, "footer", { ...footer, schemas: {} });
  lines.add(`${uid} keys ${JSON.stringify(keySchema)}`);
  for (const [name, schema] of Object.entries(schemas)) {
    lines.add(`${uid} state ${name} ${JSON.stringify(schema)}`);
  }
  // A delta of few rows may lack a table.
  if (kind !== "full") return;
  for (const table of tables) lines.add(`${uid} table ${JSON.stringify(table)}`);
}

/** Checked text: the first line without size and checksum, then JSON. */
function addText(lines: Set<string>, bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString("utf8");
  const end = text.indexOf("\n");
  const [magic, version] = text.slice(0, end).split(" ");
  lines.add(`${magic} version ${version}`);
  addMembers(lines, magic, JSON.parse(text.slice(end)));
}

/** The members of a value and their types; those of the elements of lists together. */
function addMembers(lines: Set<string>, at: string, value: unknown): void {
  if (Array.isArray(value)) {
    for (const element of value) addMembers(lines, `${at}[]`, element);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      // Schemas of states are in the footers, or in here as they are.
      if (name === "stateSchemas") {
        const schemas = Object.entries(member as object);
        for (const each of schemas) lines.add(`${at} stateSchemas ${JSON.stringify(each)}`);
      } else {
        addMembers(lines, `${at}.${name}`, member);
      }
    }
  } else {
    lines.add(`${at}: ${value === null ? "null" : typeof value}`);
  }
}
