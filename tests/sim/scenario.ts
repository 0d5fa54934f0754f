/*
 * Scenario: one simulated job with everything that happens to it, as plain data: records, graph,
 * settings, faults, and what its user does. The same data drives the engine (`build-job.ts`) and
 * the reference interpreter (`reference.ts`).
 *
 * Workloads have a well-defined outcome whatever the order between channels. Each stream has a
 * *regime* that says what may be done with it:
 *   on-time   no record ever comes after its watermark, so event time decides nothing by chance
 *   late      records may come late; which ones do is decided by the order between channels
 *   untimed   records have no timestamps that could be predicted
 * How a sink's content is judged follows from the operator before it (`judge.ts`).
 */
import type { Generation } from "./evolution.ts";
import type { FaultPlan } from "./fault-plan.ts";
import type { OperatorChange } from "./operator-changes.ts";
import type { RunSpec } from "./story.ts";

/** What all streams carry. `n` counts records where they are combined. */
export interface SimRecord {
  readonly id: string;
  readonly key: string | number;
  readonly value: number;
  readonly n: number;
  /** Event time, ms; equal to the engine's timestamp except in untimed streams. */
  readonly at: number;
}

export type Regime = "on-time" | "late" | "untimed";

/**
 * Later than every record, earlier than the end of event time: when an operator's last timer
 * fires.
 */
export const END_AT = 9_000_000_000_000;

/** A timeout of checkpoints that none exceeds. */
export const LONG_TIMEOUT_MS = 10_000;

/** Where records come from: an operator's main output, or what it put aside. */
export interface StreamRef {
  readonly uid: string;
  readonly tag: "main" | "side" | "late" | "late-right";
}

/** One input of an operator: streams put together. */
export interface InputRef {
  readonly streams: readonly StreamRef[];
  readonly partitioner: "auto" | "rebalance" | "rescale" | "broadcast";
  /** Parallelism of a `map` in between that changes nothing; undefined: there is none. */
  readonly detour?: number;
}

/** A bounded source; all splits hold ranges of `records` in order. */
export interface SourceSpec {
  readonly kind: "source";
  readonly form: "paced" | "collection" | "files" | "spread";
  readonly records: readonly SimRecord[];
  readonly splitsCount: number;
  /** Most records that a paced split gives at a time. */
  readonly batchMax: number;
  /** Longest pause between two batches of a paced split, ms. */
  readonly pauseMs: number;
  /** Undefined: no watermarks. */
  readonly outOfOrdernessMs: number | undefined;
  readonly idleAfterMs: number | undefined;
  readonly alignment: string | undefined;
}

export type WindowSpec =
  | { readonly kind: "tumbling"; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly kind: "sliding"; readonly sizeMs: number; readonly slideMs: number }
  | { readonly kind: "session"; readonly gapMs: number };

export type OperatorSpec =
  | SourceSpec
  | { readonly kind: "map"; readonly factor: number; readonly add: number; readonly keys: number }
  | { readonly kind: "filter"; readonly modulus: number }
  | { readonly kind: "flatMap"; readonly modulus: number }
  /** Puts some records into a side output. */
  | { readonly kind: "split"; readonly modulus: number }
  /** Watermarks in the middle of a stream; what comes behind them may be late. */
  | { readonly kind: "retime"; readonly outOfOrdernessMs: number }
  /** Two streams without keys. */
  | { readonly kind: "merge" }
  /** State of each kind, given out when everything has been seen. */
  | { readonly kind: "totals"; readonly state: TotalsState; readonly modulus: number }
  /** An event timer per key and stretch of time. */
  | { readonly kind: "buckets"; readonly sizeMs: number }
  | { readonly kind: "running"; readonly form: "aggregate" | "reduce" }
  /** Gives out what came since the last processing timer. */
  | { readonly kind: "pulse"; readonly delayMs: number }
  /**
   * State of a key that comes and goes: something is given out for every second record of a key.
   */
  | { readonly kind: "pairs" }
  /** Operator state: counts records per subtask. */
  | { readonly kind: "tally" }
  /** The same with state that every subtask gets whole. */
  | { readonly kind: "census" }
  /**
   * Every pair of records with the same key. `connect`: state of both sides by key; `broadcast`:
   * the second side is broadcast state, the first one keyed, or, without keys, a list.
   */
  | { readonly kind: "join"; readonly form: "connect" | "keyed-broadcast" | "broadcast" }
  | {
      readonly kind: "window";
      readonly window: WindowSpec;
      readonly form: "aggregate" | "reduce" | "process";
      readonly latenessMs: number;
      readonly hasLateOutput: boolean;
      /** Whether records may be late here: then all ids are given out and judged. */
      readonly isLate: boolean;
    }
  /** Pairs of records of a window, or all of both streams. */
  | {
      readonly kind: "windowJoin";
      readonly window: WindowSpec;
      readonly form: "join" | "coGroup";
      readonly latenessMs: number;
    }
  /** Pairs of records within an interval of each other's time. */
  | {
      readonly kind: "intervalJoin";
      readonly lowerMs: number;
      readonly upperMs: number;
      readonly hasLateOutputs: boolean;
      /** Whether records may be late here. */
      readonly isLate: boolean;
    }
  | { readonly kind: "countWindow"; readonly count: number; readonly isPurging: boolean }
  /** The best records of each key, and which ranks change. */
  | {
      readonly kind: "topN";
      readonly n: number;
      /** What ranks them; `typed`: a field of records whose type is declared. */
      readonly form: "field" | "typed" | "function" | "several";
      readonly order: "descending" | "ascending";
      /** Of all keys of the job. */
      readonly keyKind: "string" | "number";
    }
  /** Of the records of a key the first one, or the latest. */
  | {
      readonly kind: "deduplicate";
      readonly keep: "first" | "last";
      readonly time: "processing" | "event";
    }
  /** Numbers the results of each key of a `topN` or `deduplicate`, as they come. */
  | { readonly kind: "numbered" }
  | {
      readonly kind: "sink";
      readonly rollBytes: number | undefined;
      readonly isPartitioned: boolean;
    };

export type TotalsState = "value" | "fields" | "list" | "map" | "reducing" | "aggregating" | "ttl";

export interface NodeSpec {
  readonly uid: string;
  /** What it is called in the job, if not by its uid, and what else it was called before. */
  readonly renamed?: { readonly uid: string; readonly oldUids: readonly string[] };
  /** Of its states; 0 if not given. */
  readonly generation?: Generation;
  readonly parallelism: number;
  readonly inputs: readonly InputRef[];
  /** Whether keys are given by the field's name instead of a function. */
  readonly byName: boolean;
  /** Of the input; a source's own. */
  readonly regime: Regime;
  readonly operator: OperatorSpec;
}

/** The operator's uid in the job. */
export function jobUid({ uid, renamed }: NodeSpec): string {
  return renamed?.uid ?? uid;
}

export interface Scenario {
  readonly seed: number;
  /** Upstream nodes first. */
  readonly nodes: readonly NodeSpec[];
  readonly workersCount: number;
  readonly maxParallelism: number;
  readonly encodesLocalChannels: boolean;
  /** Longest way of a message between master and worker, ms, beyond a turn. */
  readonly messageDelayMs: number;
  /**
   * Chance that a slice of a snapshot is put off, which lets records touch what is not copied
   * yet.
   */
  readonly slicesPutOffRate: number;
  /** Whether workers step tasks in a random order and for random lengths. */
  readonly isChaotic: boolean;
  readonly checkpoint: {
    readonly intervalMs: number;
    readonly minPauseMs: number;
    readonly timeoutMs: number;
    readonly isIncremental: boolean;
    readonly retainedCount: number;
  };
  readonly restartDelayMs: number;
  readonly faults: FaultPlan;
  /** At least one, which begins from nothing. */
  readonly runs: readonly RunSpec[];
  /** Operators that are not there in all of them. */
  readonly changes: readonly OperatorChange[];
}
