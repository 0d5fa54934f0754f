/*
 * DiskView: what lies on the disk of a simulated machine, read at once, without time passing and
 * without the engine: checkers and judges look at files as they are at one moment.
 */
import type { SimNode } from "../../packages/core/src/testing/sim-disk.ts";
import type { SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import { METADATA_NAME, decodeMetadata } from "../../packages/core/src/snapshot/metadata-file.ts";
import type { CheckpointMetadata } from "../../packages/core/src/snapshot/metadata.ts";
import { RUN_RECORD_NAME } from "../../packages/core/src/snapshot/run-record.ts";
import type { RunRecord } from "../../packages/core/src/snapshot/run-record.ts";
import { codecOf, decodeValue } from "../../packages/core/src/types/codec.ts";
import { t } from "../../packages/core/src/types/t.ts";

/** A transaction of a file sink, as a snapshot names it. */
export interface PendingFile {
  readonly uid: string;
  /** The checkpoint before whose barrier it was prepared. */
  readonly checkpointId: number;
  readonly pending: string;
  readonly final: string;
}

/** See the file header. */
export class DiskView {
  readonly #world: SimWorld;

  constructor(world: SimWorld) {
    this.#world = world;
  }

  has(path: string): boolean {
    return this.#world.disk.find(path) !== undefined;
  }

  /** Names in a directory; none if it is not there. */
  names(path: string): string[] {
    const node = this.#world.disk.find(path);
    return node?.kind === "directory" ? [...node.entries.keys()] : [];
  }

  /** Paths of all files below a directory. */
  filesBelow(path: string): string[] {
    return walk(this.#world.disk.find(path), path);
  }

  /** The records in a file of JSON lines; undefined if it is not there. */
  records(path: string): unknown[] | undefined {
    const node = this.#world.disk.find(path);
    if (node?.kind !== "file") return undefined;
    const text = Buffer.from(node.bytes.subarray(0, node.sizeBytes)).toString("utf8");
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line): unknown => JSON.parse(line));
  }

  /** The metadata of the snapshot in a directory; undefined if none is there. */
  snapshot(directory: string): CheckpointMetadata | undefined {
    const path = `${directory}/${METADATA_NAME}`;
    const node = this.#world.disk.find(path);
    if (node?.kind !== "file") return undefined;
    return decodeMetadata(path, node.bytes.subarray(0, node.sizeBytes));
  }

  /** What a run directory says of its run; undefined if nothing. */
  runRecord(runDirectory: string): RunRecord | undefined {
    const node = this.#world.disk.find(`${runDirectory}/${RUN_RECORD_NAME}`);
    if (node?.kind !== "file") return undefined;
    const text = Buffer.from(node.bytes.subarray(0, node.sizeBytes)).toString("utf8");
    // Behind a line with the checksum.
    return JSON.parse(text.slice(text.indexOf("{"))) as RunRecord;
  }

  /** What a power loss would leave of a file, as text; undefined if not even its name. */
  durableText(path: string): string | undefined {
    let node: SimNode | undefined = this.#world.disk.root;
    for (const part of path.split("/").filter((name) => name !== "")) {
      if (node?.kind !== "directory") return undefined;
      node = node.durable.get(part);
    }
    return node?.kind === "file" ? Buffer.from(node.durable).toString("utf8") : undefined;
  }
}

/** The uid in the scenario of an operator in a snapshot, which may have been renamed. */
export function scenarioUid(uid: string): string {
  return uid.replace(/~\d+$/u, "");
}

/** All transactions of file sinks that a snapshot names. */
export function pendingFilesOf(metadata: CheckpointMetadata): PendingFile[] {
  return metadata.operators.flatMap(({ uid, subtasks }) =>
    subtasks
      .flatMap(({ states }) => states)
      .filter(({ name }) => name === "pending")
      .flatMap(({ elements }) => elements)
      .flatMap((element) => {
        const value = decodeValue(codecOf(t.any), element) as Partial<Transaction> | undefined;
        const { checkpointId, committable } = value ?? {};
        if (checkpointId === undefined || committable === undefined) return [];
        return [
          {
            uid: scenarioUid(uid),
            checkpointId,
            pending: committable.pending,
            final: committable.final,
          },
        ];
      }),
  );
}

interface Transaction {
  readonly checkpointId: number;
  readonly committable: { readonly pending: string; readonly final: string };
}

function walk(node: SimNode | undefined, path: string): string[] {
  if (node === undefined) return [];
  if (node.kind === "file") return [path];
  return [...node.entries].flatMap(([name, child]) => walk(child, `${path}/${name}`));
}
