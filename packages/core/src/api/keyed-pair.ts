/**
 * KeyedPair: two keyed streams that go into one operator, whose keys are of one type.
 */
import type { KeySpec } from "../columns/key-extractor.ts";
import type { NodeBody } from "../graph/stream-graph.ts";
import { KeyedOperator } from "../operators/keyed-operator.ts";
import type { KeyedLogic } from "../operators/keyed-operator.ts";
import type { OperatorContext } from "../operators/operator.ts";
import { show } from "../types/codec.ts";
import { renderType } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import { callAfter, edgesFrom, refuse } from "./stream-base.ts";
import type { StreamPlace } from "./stream-base.ts";

/** A keyed stream: where it stands, and the key. */
export interface KeyedSide<T> {
  readonly place: StreamPlace<T>;
  readonly key: KeySpec;
}

/** See the file header. */
export interface KeyedPair<A, B> {
  readonly first: KeyedSide<A>;
  readonly second: KeyedSide<B>;
}

/** Two streams for one operator. GRAPH_INVALID where they do not fit; `call` is for messages. */
export function keyedPair<A, B>(
  first: KeyedSide<A>,
  second: KeyedSide<B>,
  call: string,
): KeyedPair<A, B> {
  checkKeyed(first, second, call);
  const type = commonKeyType(first.key, second.key, call);
  const withType = <T>({ place, key }: KeyedSide<T>): KeyedSide<T> =>
    Object.freeze({ place, key: Object.freeze({ by: key.by, type }) });
  return Object.freeze({ first: withType(first), second: withType(second) });
}

function checkKeyed(first: KeyedSide<unknown>, second: unknown, call: string): void {
  const { place, key } = (second ?? {}) as Partial<KeyedSide<unknown>>;
  if (place !== undefined && key !== undefined) return;
  const given = place === undefined ? show(second) : "a stream without keys";
  const instead = call === "connect" ? ", or broadcast it with states: other.broadcast({ … })" : "";
  refuse(
    `${callAfter(first.place, `${call}(…)`)} is given ${given} instead of a keyed stream; ` +
      `key the other stream as well: other.keyBy(…)${instead}.`,
    { given },
  );
}

/** Equal keys meet only if both sides encode them alike: what one side declares holds for both. */
function commonKeyType(first: KeySpec, second: KeySpec, call: string): Type<unknown> | undefined {
  const type = first.type ?? second.type;
  if (first.type === undefined || second.type === undefined) return type;
  const [one, other] = [renderType(first.type), renderType(second.type)];
  if (one === other) return type;
  return refuse(
    `${call}(): the keys of the first stream are ${one}, those of the second are ${other}. ` +
      `Give both the same type: keyBy(fn, type).`,
    { first: one, second: other },
  );
}

/** The parts of a node by which an operator over both streams gets its records. */
export function pairNode(
  { first, second }: KeyedPair<unknown, unknown>,
  logicOf: (context: OperatorContext, keyType: Type<unknown>) => KeyedLogic,
): {
  readonly inputs: ReturnType<typeof edgesFrom>;
  readonly key: KeySpec;
  readonly body: NodeBody;
} {
  const keys = [first.key, second.key];
  return {
    inputs: [
      ...edgesFrom(first.place, 0, { kind: "hash", key: first.key }),
      ...edgesFrom(second.place, 1, { kind: "hash", key: second.key }),
    ],
    key: first.key,
    body: {
      kind: "operator",
      create: (context) => new KeyedOperator(context, keys, (keyType) => logicOf(context, keyType)),
    },
  };
}
