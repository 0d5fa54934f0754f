/*
 * Joins whose second side is broadcast: every subtask keeps all of its records, and what is kept of
 * the first side meets each of them once, whichever comes first.
 */
import type { KeyedStream } from "../../packages/core/src/api/keyed-stream.ts";
import { broadcastState } from "../../packages/core/src/state/broadcast-state.ts";
import type { BroadcastState } from "../../packages/core/src/state/broadcast-state.ts";
import { listState } from "../../packages/core/src/state/descriptors.ts";
import { operatorListState } from "../../packages/core/src/state/operator-state.ts";
import { t } from "../../packages/core/src/types/t.ts";
import * as functions from "./functions.ts";
import type { Records } from "./job-hooks.ts";
import { jobUid } from "./scenario.ts";
import type { NodeSpec, SimRecord } from "./scenario.ts";

/** What a join keeps of a record, by generation. */
export const PARTS = [
  t.struct({ id: t.string, value: t.float64, at: t.timestamp }),
  t.struct({ at: t.timestamp, mark: t.optional(t.string), id: t.string, value: t.float64 }),
  t.struct({ id: t.string, value: t.float64, at: t.float64 }),
] as const;

/** The same with the key that it is joined by. */
const KEPT = [
  t.struct({ key: t.string, id: t.string, value: t.float64, at: t.timestamp }),
  t.struct({ at: t.int64, id: t.string, key: t.string, value: t.float64, mark: t.bool }),
  t.struct({ id: t.string, key: t.string, value: t.float64, at: t.float64 }),
] as const;

type Part = Pick<SimRecord, "id" | "value" | "at">;

function partOf({ id, value, at }: Part): Part {
  return { id, value, at };
}

/** Records of the second side by the key that they are joined by. */
function rightState(generation: NodeSpec["generation"] = 0) {
  return broadcastState(t.string, t.list(PARTS[generation] as (typeof PARTS)[0]));
}

function add(right: BroadcastState<string, readonly Part[]>, record: SimRecord): void {
  const key = functions.joinKey(record);
  right.set(key, [...(right.get(key) ?? []), partOf(record)]);
}

/** The first side is state of its keys, which the second goes through. */
export function buildKeyedBroadcastJoin(
  left: KeyedStream<SimRecord, string>,
  right: Records,
  node: NodeSpec,
): Records {
  const { generation = 0, parallelism } = node;
  const state = { left: listState(PARTS[generation] as (typeof PARTS)[0]) };
  const states = { right: rightState(generation) };
  const joined = left.connect(right.broadcast(states));
  return joined.process<SimRecord, typeof state>(
    jobUid(node),
    {
      state,
      process(record, { state: kept, broadcastState: all, key, emit }) {
        kept.left.add(partOf(record));
        for (const other of all.right.get(key) ?? []) {
          emit(functions.pairOf(record.key, record, other));
        }
      },
      processBroadcast(record, { broadcastState: all, applyToKeyedState, emit }) {
        add(all.right, record);
        applyToKeyedState((key, kept) => {
          if (key !== functions.joinKey(record)) return;
          for (const other of kept.left.get()) emit(functions.pairOf(record.key, other, record));
        });
      },
    },
    { parallelism },
  );
}

/** The first side is a list of each subtask. */
export function buildBroadcastJoin(left: Records, right: Records, node: NodeSpec): Records {
  const { generation = 0, parallelism } = node;
  const operatorState = { left: operatorListState(KEPT[generation] as (typeof KEPT)[0]) };
  const states = { right: rightState(generation) };
  return left.connect(right.broadcast(states)).process<SimRecord, typeof operatorState>(
    jobUid(node),
    {
      operatorState,
      process(record, { operatorState: kept, broadcastState: all, emit }) {
        const key = functions.joinKey(record);
        kept.left.add({ key, mark: true, ...partOf(record) } as Part & { key: string });
        for (const other of all.right.get(key) ?? []) {
          emit(functions.pairOf(record.key, record, other));
        }
      },
      processBroadcast(record, { operatorState: kept, broadcastState: all, emit }) {
        add(all.right, record);
        const key = functions.joinKey(record);
        for (const other of kept.left.get()) {
          if (other.key === key) emit(functions.pairOf(record.key, other, record));
        }
      },
    },
    { parallelism },
  );
}
