/*
 * The process functions of simulated jobs: state of every kind, timers, side outputs, two inputs.
 */
import type { DataStream } from "../../packages/core/src/api/data-stream.ts";
import type { KeyedStream } from "../../packages/core/src/api/keyed-stream.ts";
import { operatorListState, unionListState } from "../../packages/core/src/state/operator-state.ts";
import { listState, mapState, valueState } from "../../packages/core/src/state/descriptors.ts";
import { t } from "../../packages/core/src/types/t.ts";
import * as functions from "./functions.ts";
import { SIDE, check } from "./job-hooks.ts";
import type { ProcessParts, Records } from "./job-hooks.ts";
import { totalsFunction } from "./job-totals.ts";
import { PARTS } from "./job-broadcast.ts";
import { WIDENED } from "./evolution.ts";
import { END_AT, jobUid } from "./scenario.ts";
import type { OperatorSpec, SimRecord } from "./scenario.ts";

type Key = SimRecord["key"];
type Keyed<K> = KeyedStream<SimRecord, K>;

/** Inputs of a process function. */
export type ProcessInput =
  | { readonly kind: "plain"; readonly stream: Records }
  | { readonly kind: "keyed"; readonly stream: Keyed<Key> }
  | { readonly kind: "merge"; readonly left: Records; readonly right: Records }
  | { readonly kind: "join"; readonly left: Keyed<string>; readonly right: Keyed<string> };

/** The operator of a node on its inputs. */
export function buildProcess(input: ProcessInput, parts: ProcessParts): Records {
  switch (input.kind) {
    case "plain":
      return buildPlain(input.stream, parts);
    case "keyed":
      return buildKeyed(input.stream, parts);
    case "merge":
      return input.left.connect(input.right).process(
        jobUid(parts.node),
        {
          processFirst: (record, context) => context.emit(functions.merged(record, 1)),
          processSecond: (record, context) => context.emit(functions.merged(record, 2)),
        },
        { parallelism: parts.node.parallelism },
      );
    case "join":
      return buildJoin(input.left, input.right, parts);
  }
}

function buildPlain(stream: Records, parts: ProcessParts): Records {
  const { uid, parallelism, operator } = parts.node;
  if (operator.kind === "split") {
    return stream.process<SimRecord>(
      jobUid(parts.node),
      {
        process(record, context) {
          check(parts, context, record.at);
          if (functions.isAside(operator, record)) context.output(SIDE, record);
          else context.emit(record);
        },
      },
      { parallelism },
    );
  }
  if (operator.kind === "census") return buildCensus(stream, parts);
  return stream.process<SimRecord, { seen: ReturnType<typeof operatorListState<number>> }>(
    jobUid(parts.node),
    {
      operatorState: { seen: operatorListState(parts.node.generation ? t.float64 : t.int64) },
      process(_record, context) {
        const { seen } = context.operatorState;
        seen.update([total(seen.get()) + 1]);
      },
      end(context) {
        const { seen } = context.operatorState;
        const count = total(seen.get());
        // Who goes on with this after a change of the parallelism may be told of the end again.
        seen.clear();
        if (count > 0) context.emit(functions.result({ uid, key: 0 }, count, { at: 0 }));
      },
    },
    { parallelism },
  );
}

/** A slot's count, by generation. */
const ENTRIES = [
  t.struct({ slot: t.int32, count: t.int64 }),
  t.struct({ count: t.int64, note: t.optional(t.string), slot: t.int64 }),
  t.struct({ slot: t.float64, count: t.float64 }),
] as const;

/** Every subtask has counts by slot; after a restore those of all, of which it keeps its own. */
function buildCensus(stream: Records, parts: ProcessParts): Records {
  const { uid, parallelism } = parts.node;
  const entry = ENTRIES[parts.node.generation ?? 0] as (typeof ENTRIES)[0];
  const operatorState = { counts: unionListState(entry) };
  return stream.process<SimRecord, typeof operatorState>(
    jobUid(parts.node),
    {
      operatorState,
      open({ operatorState: { counts }, subtaskIndex, parallelism: slots }) {
        const own = counts.get().filter(({ slot }) => slot % slots === subtaskIndex);
        counts.update(own);
      },
      process(_record, { operatorState: { counts }, subtaskIndex }) {
        const count = total(counts.get().map((own) => own.count)) + 1;
        counts.update([{ slot: subtaskIndex, count }]);
      },
      end({ operatorState: { counts }, emit }) {
        const count = total(counts.get().map((own) => own.count));
        counts.clear();
        if (count > 0) emit(functions.result({ uid, key: 0 }, count, { at: 0 }));
      },
    },
    { parallelism },
  );
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function buildKeyed(stream: Keyed<Key>, parts: ProcessParts): Records {
  const { operator, parallelism } = parts.node;
  switch (operator.kind) {
    case "totals":
      return stream.process(jobUid(parts.node), totalsFunction(operator, parts), { parallelism });
    case "buckets":
      return buildBuckets(stream, parts, operator);
    case "pairs":
      return buildPairs(stream, parts);
    case "pulse":
      return buildPulse(stream, parts, operator);
    default:
      throw new Error(`${operator.kind} is no keyed process function`);
  }
}

function buildBuckets(
  stream: Keyed<Key>,
  parts: ProcessParts,
  operator: Extract<OperatorSpec, { readonly kind: "buckets" }>,
): Records {
  const { uid, parallelism } = parts.node;
  const { generation = 0 } = parts.node;
  const counts = mapState(t.int64, WIDENED[generation]);
  const sums = mapState(t.int64, t.float64);
  const state = generation === 0 ? { sums, counts } : { counts, sums };
  return stream.process<SimRecord, typeof state>(
    jobUid(parts.node),
    {
      state,
      process(record, context) {
        check(parts, context, record.at);
        const { sums, counts } = context.state;
        const start = functions.bucketOf(operator, record.at);
        sums.set(start, (sums.get(start) ?? 0) + record.value);
        counts.set(start, (counts.get(start) ?? 0) + 1);
        context.timers.registerEventTime(start + operator.sizeMs - 1);
      },
      onTimer({ timestamp: at }, context) {
        check(parts, context);
        const { sums, counts } = context.state;
        const start = at - operator.sizeMs + 1;
        const value = functions.digest([sums.get(start)!, counts.get(start)!]);
        context.emit(functions.result({ uid, key: context.key }, value, { at }));
        sums.delete(start);
        counts.delete(start);
      },
    },
    { parallelism },
  );
}

function buildPairs(stream: Keyed<Key>, parts: ProcessParts): Records {
  const { uid, parallelism } = parts.node;
  const state = { waiting: valueState(t.string), extra: listState(t.string) };
  return stream.process<SimRecord, typeof state>(
    jobUid(parts.node),
    {
      state,
      process(record, context) {
        const { waiting, extra } = context.state;
        if (waiting.get() === undefined) {
          waiting.set(record.id);
          extra.addAll([record.id, "x".repeat(record.value % 100)]);
          return;
        }
        if (extra.size !== 2) parts.hooks.violation(`${uid}: a list has ${extra.size} elements`);
        waiting.clear();
        extra.clear();
        context.emit(functions.result({ uid, key: context.key }, 2, { at: 0 }));
      },
    },
    { parallelism },
  );
}

function buildPulse(
  stream: Keyed<Key>,
  parts: ProcessParts,
  operator: Extract<OperatorSpec, { readonly kind: "pulse" }>,
): Records {
  const { uid, parallelism } = parts.node;
  const { delayMs } = operator;
  const state = {
    sum: valueState(t.float64, { default: 0 }),
    count: valueState(WIDENED[parts.node.generation ?? 0], { default: 0 }),
  };
  return stream.process<SimRecord, typeof state>(
    jobUid(parts.node),
    {
      state,
      process(record, context) {
        const { sum, count } = context.state;
        sum.set(sum.get() + record.value);
        count.set(count.get() + 1);
        const { processingTime } = context;
        context.timers.registerProcessingTime((Math.floor(processingTime / delayMs) + 1) * delayMs);
        context.timers.registerEventTime(END_AT);
      },
      onTimer(_timer, context) {
        const { sum, count } = context.state;
        const n = count.get();
        if (n === 0) return;
        const given = functions.result({ uid, key: context.key }, sum.get(), { at: 0 });
        context.emit({ ...given, n });
        sum.clear();
        count.clear();
      },
    },
    { parallelism },
  );
}

function buildJoin(left: Keyed<string>, right: Keyed<string>, parts: ProcessParts): Records {
  const { parallelism } = parts.node;
  const part = PARTS[parts.node.generation ?? 0] as (typeof PARTS)[0];
  const state = { left: listState(part), right: listState(part) };
  const stream: DataStream<SimRecord> = left.connect(right).process<SimRecord, typeof state>(
    jobUid(parts.node),
    {
      state,
      processFirst({ id, value, at, key }, context) {
        const own = { id, value, at };
        context.state.left.add(own);
        for (const other of context.state.right.get()) {
          context.emit(functions.pairOf(key, own, other));
        }
      },
      processSecond({ id, value, at, key }, context) {
        const own = { id, value, at };
        context.state.right.add(own);
        for (const other of context.state.left.get()) {
          context.emit(functions.pairOf(key, other, own));
        }
      },
    },
    { parallelism },
  );
  return stream;
}
