/*
 * Generated graphs: sources, then operators on top of what is there already, then a sink behind
 * every stream that nobody takes. Which operator may stand on a stream follows from the stream's
 * regime and from what is known of its records (`StreamState`).
 */
import type { Random } from "../../packages/core/src/env/env.ts";
import { oneIn, pick } from "./draws.ts";
import type {
  InputRef,
  NodeSpec,
  OperatorSpec,
  Regime,
  SourceSpec,
  StreamRef,
} from "./scenario.ts";
import { drawOperator, outcomeOf } from "./scenario-operators.ts";
import { makeRecords } from "./workload.ts";

interface StreamState {
  readonly ref: StreamRef;
  readonly regime: Regime;
  /** No id comes twice. */
  readonly isUnique: boolean;
  /** Times are those of records of sources. */
  readonly hasSourceTimes: boolean;
  /** Some source may be idle: then event time can end before the input does. */
  readonly mayBeIdle: boolean;
  /** Nodes that made the ids: streams with a common one may have ids in common. */
  readonly origins: ReadonlySet<string>;
  /** About how many records, at most. */
  readonly size: number;
  /** Whether only a sink may take it: its records depend on the order between channels. */
  readonly isFinal: boolean;
  takersCount: number;
}

const DISORDERS_MS = [0, 5, 40];
/** Joins give out every pair of a key. */
const JOIN_PAIRS_MAX = 40_000;
const OPERATORS: readonly OperatorSpec["kind"][] = [
  "map",
  "map",
  "filter",
  "flatMap",
  "split",
  "merge",
  "retime",
  "totals",
  "totals",
  "buckets",
  "running",
  "pairs",
  "pairs",
  "pulse",
  "tally",
  "census",
  "join",
  "window",
  "window",
  "window",
  "countWindow",
];

/** Joins in windows and intervals. */
const JOINS: readonly OperatorSpec["kind"][] = ["windowJoin", "intervalJoin"];

/** Operators whose results are numbered, which shows in which order they came. */
const TABLES: readonly OperatorSpec["kind"][] = ["topN", "topN", "deduplicate"];

/** Most streams cannot be joined with most others. */
const JOIN_TRIES = 8;

/** Draws a graph; upstream nodes come first. */
export function makeGraph(random: Random): NodeSpec[] {
  return new GraphMaker(random).make();
}

class GraphMaker {
  #random: Random;
  readonly #nodes: NodeSpec[] = [];
  readonly #streams: StreamState[] = [];
  readonly #keyKind: "string" | "number";
  readonly #stepMs: number;

  constructor(random: Random) {
    this.#random = random;
    this.#keyKind = pick(random, ["string", "number"]);
    this.#stepMs = pick(random, [1, 10, 50]);
  }

  make(): NodeSpec[] {
    const random = this.#random;
    const sourcesCount = 1 + random.int(3);
    for (let index = 0; index < sourcesCount; index++) this.#addSource(`source${index}`);
    const operatorsCount = 2 + random.int(6);
    for (let index = 0; index < operatorsCount; index++) {
      this.#addOperator(pick(random, OPERATORS), index);
    }
    for (const stream of [...this.#streams]) {
      if (stream.takersCount === 0 || oneIn(random, 8)) this.#addSink(stream);
    }
    this.#addJoins(operatorsCount);
    this.#addTables(random.fork("tables"), operatorsCount + JOIN_TRIES);
    return this.#nodes;
  }

  /** Last, and with chance of their own: the rest of a graph does not hang on them. */
  #addJoins(index: number): void {
    const random = this.#random.fork("joins");
    this.#random = random;
    const nodesMax = this.#nodes.length + pick(random, [0, 0, 1, 2]);
    const before = this.#streams.length;
    for (let n = 0; n < JOIN_TRIES && this.#nodes.length < nodesMax; n++) {
      this.#addOperator(pick(random, JOINS), index + n);
    }
    for (const stream of this.#streams.slice(before)) this.#addSink(stream);
  }

  /** With chance of their own, as joins are. */
  #addTables(random: Random, index: number): void {
    this.#random = random;
    const streamsMax = this.#streams.length + pick(random, [0, 0, 1, 1, 2]);
    for (let n = 0; n < JOIN_TRIES && this.#streams.length < streamsMax; n++) {
      const before = this.#streams.length;
      this.#addOperator(pick(random, TABLES), index + n);
      for (const stream of this.#streams.slice(before)) this.#addNumbered(stream, index + n);
    }
  }

  /** Numbers what is in a stream, and shows it. */
  #addNumbered(stream: StreamState, index: number): void {
    const uid = `numbered${index}`;
    const { ref, regime } = stream;
    stream.takersCount++;
    const inputs: InputRef[] = [{ streams: [ref], partitioner: "auto" }];
    this.#add({ uid, regime, inputs, operator: { kind: "numbered" } });
    this.#addSink({ ...stream, ref: { uid, tag: "main" } });
  }

  #addSource(uid: string): void {
    const random = this.#random;
    const regime = pick<Regime>(random, ["on-time", "on-time", "late", "untimed"]);
    const disorderMs = regime === "late" ? this.#stepMs * 15 : pick(random, DISORDERS_MS);
    const records = makeRecords(random.fork(uid), {
      uid,
      keyKind: this.#keyKind,
      keysCount: pick(random, [1, 3, 8, 40]),
      isSkewed: oneIn(random, 2),
      count: pick(random, [0, 40, 120, 200, 400]),
      stepMs: this.#stepMs,
      disorderMs,
    });
    const operator: SourceSpec = {
      kind: "source",
      form: pick(random, ["paced", "paced", "paced", "spread", "collection", "files", "spread"]),
      records,
      splitsCount: pick(random, [1, 3, 7, 20]),
      batchMax: 1 + random.int(8),
      pauseMs: pick(random, [2, 8, 20]),
      outOfOrdernessMs: outOfOrdernessOf(regime, disorderMs),
      idleAfterMs: regime === "late" && oneIn(random, 2) ? pick(random, [5, 50]) : undefined,
      alignment: regime !== "untimed" && oneIn(random, 6) ? "all" : undefined,
    };
    this.#add({ uid, regime, inputs: [], operator });
    const size = records.length;
    this.#give(
      { uid, tag: "main" },
      {
        regime,
        isUnique: true,
        hasSourceTimes: true,
        mayBeIdle: operator.idleAfterMs !== undefined,
        origins: new Set([uid]),
        isFinal: false,
        size,
      },
    );
  }

  #addOperator(kind: OperatorSpec["kind"], index: number): void {
    const random = this.#random;
    const uid = `${kind}${index}`;
    const first = this.#takeInput(kind);
    if (first === undefined) return;
    const isJoin = kind === "join" || JOINS.includes(kind);
    const isTwo = isJoin || kind === "merge";
    const second = isTwo ? this.#takeInput(kind) : undefined;
    const inputs = [first, second].filter((input) => input !== undefined);
    if (isTwo && second === undefined) return;
    if (kind === "retime" && isBareSource(first.states)) return;
    const sizes = inputs.map(({ size }) => size);
    if (isJoin && sizes[0] * sizes[1] > JOIN_PAIRS_MAX) return;
    const size = isJoin ? sizes[0] * sizes[1] : sizes.reduce((sum, own) => sum + own);
    const regime = weakest(inputs.map(({ regime: own }) => own));
    const isUnique = inputs.every((input) => input.isUnique);
    const mayBeIdle = inputs.some((input) => input.mayBeIdle);
    const hasSourceTimes = inputs.every((input) => input.hasSourceTimes);
    const operator = drawOperator(random, kind, {
      regime,
      isUnique,
      hasSourceTimes,
      mayBeIdle,
      stepMs: this.#stepMs,
      keyKind: this.#keyKind,
    });
    if (operator === undefined) return;
    for (const { states } of inputs) for (const state of states) state.takersCount++;
    const refs = inputs.map(({ ref }) => ref);
    // A `map` in between declares the type.
    const isTyped = operator.kind === "topN" && operator.form === "typed";
    const typed = isTyped ? refs.map((ref) => ({ ...ref, detour: 1 + random.int(3) })) : refs;
    this.#add({ uid, regime, inputs: typed, operator });
    const outcome = outcomeOf(operator, { regime, isUnique, size });
    const inherited = new Set(inputs.flatMap(({ origins }) => [...origins]));
    const hasOwnIds = ["totals", "buckets", "window"].includes(kind);
    const origins = hasOwnIds ? new Set([uid]) : inherited;
    this.#give(
      { uid, tag: "main" },
      {
        ...outcome,
        origins,
        mayBeIdle,
        hasSourceTimes: hasSourceTimes && !hasOwnIds,
      },
    );
    const aside = { regime, isUnique, hasSourceTimes, mayBeIdle, origins: inherited, size };
    if (operator.kind === "split" || operator.kind === "totals") {
      this.#give({ uid, tag: "side" }, { ...aside, isFinal: false });
    }
    if (operator.kind === "intervalJoin" && operator.hasLateOutputs) {
      this.#give({ uid, tag: "late" }, { ...aside, isFinal: true });
      this.#give({ uid, tag: "late-right" }, { ...aside, isFinal: true });
    }
    if (operator.kind === "window" && operator.hasLateOutput) {
      this.#give({ uid, tag: "late" }, { ...aside, isFinal: true });
    }
  }

  /** A stream, or several put together, that an operator may stand on. */
  #takeInput(kind: OperatorSpec["kind"]):
    | (Omit<StreamState, "ref" | "isFinal" | "takersCount"> & {
        readonly ref: InputRef;
        readonly states: readonly StreamState[];
      })
    | undefined {
    const random = this.#random;
    const open = this.#streams.filter(({ isFinal }) => !isFinal);
    const wanted = open.filter(({ takersCount }) => takersCount === 0);
    const from = wanted.length > 0 && !oneIn(random, 4) ? wanted : open;
    if (from.length === 0) return undefined;
    const states = [pick(random, from)];
    const other = pick(random, open);
    if (!states.includes(other) && oneIn(random, 4)) states.push(other);
    const isStateless = kind === "map" || kind === "filter" || kind === "flatMap";
    const partitioner = isStateless
      ? pick(random, ["auto", "auto", "rebalance", "rescale", "broadcast"] as const)
      : "auto";
    return {
      ref: { streams: states.map(({ ref }) => ref), partitioner },
      states,
      regime: weakest(states.map(({ regime }) => regime)),
      isUnique: partitioner !== "broadcast" && areUnique(states),
      hasSourceTimes: states.every((state) => state.hasSourceTimes),
      mayBeIdle: states.some((state) => state.mayBeIdle),
      origins: new Set(states.flatMap(({ origins }) => [...origins])),
      size: states.reduce((sum, { size }) => sum + size, 0) * (partitioner === "broadcast" ? 3 : 1),
    };
  }

  #addSink({ ref, regime }: StreamState): void {
    const random = this.#random;
    const partitioner = pick(random, ["auto", "auto", "rebalance"] as const);
    this.#add({
      uid: `sink-${ref.uid}-${ref.tag}`,
      regime,
      inputs: [{ streams: [ref], partitioner }],
      operator: {
        kind: "sink",
        rollBytes: oneIn(random, 3) ? 200 : undefined,
        isPartitioned: oneIn(random, 4),
      },
    });
  }

  #add(node: Omit<NodeSpec, "parallelism" | "byName">): void {
    const random = this.#random;
    this.#nodes.push({ ...node, parallelism: 1 + random.int(3), byName: oneIn(random, 2) });
  }

  #give(ref: StreamRef, state: Omit<StreamState, "ref" | "takersCount">): void {
    this.#streams.push({ ref, ...state, takersCount: 0 });
  }
}

/** Its watermarks would be the source's own, of which there is one kind only. */
function isBareSource(states: readonly StreamState[]): boolean {
  const [{ ref, regime }] = states;
  return states.length === 1 && ref.uid.startsWith("source") && regime === "untimed";
}

function outOfOrdernessOf(regime: Regime, disorderMs: number): number | undefined {
  if (regime === "untimed") return undefined;
  return regime === "late" ? Math.floor(disorderMs / 5) : disorderMs;
}

function weakest(regimes: readonly Regime[]): Regime {
  if (regimes.includes("untimed")) return "untimed";
  return regimes.includes("late") ? "late" : "on-time";
}

function areUnique(states: readonly StreamState[]): boolean {
  const origins = states.flatMap((state) => [...state.origins]);
  return states.every(({ isUnique }) => isUnique) && new Set(origins).size === origins.length;
}
