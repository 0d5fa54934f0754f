/**
 * check-watermarks: what can be said of watermark settings when the graph is built.
 */
import type { WatermarkSettings } from "../time/watermark-strategy.ts";
import { unknownOption } from "../types/known-options.ts";
import { renderType } from "../types/schema.ts";
import type { OptionalType, TypeKind } from "../types/type.ts";
import { callAfter, declaredField, refuse } from "./stream-base.ts";
import type { StreamPlace } from "./stream-base.ts";

/** Types whose values can be timestamps. */
const TIMESTAMP_KINDS: ReadonlySet<TypeKind> = new Set([
  "int32",
  "int64",
  "float64",
  "timestamp",
  "any",
]);

const WATERMARK_OPTIONS: readonly (keyof WatermarkSettings<unknown>)[] = [
  "timestamp",
  "outOfOrderness",
  "monotonous",
  "idleAfter",
  "interval",
  "generator",
  "alignment",
];

/**
 * GRAPH_INVALID for options that do not exist, and for a timestamp field that the records of
 * `place` do not have or that cannot hold timestamps. Values are checked by `watermarkStrategy`.
 */
export function checkWatermarks<U>(
  place: StreamPlace<unknown>,
  settings: WatermarkSettings<U>,
): void {
  const problem = unknownOption(settings, WATERMARK_OPTIONS);
  if (problem !== undefined) refuse(`${callAfter(place, "watermarks(…)")} ${problem}`, {});
  checkTimestampField(place, settings.timestamp);
}

/** GRAPH_INVALID for a field that is not there, or whose declared type holds no timestamps. */
function checkTimestampField(place: StreamPlace<unknown>, timestamp: unknown): void {
  if (typeof timestamp !== "string") return;
  const what = `watermarks({ timestamp: "${timestamp}" })`;
  const declared = declaredField(place, timestamp, what);
  if (declared === undefined) return;
  const type = declared.kind === "optional" ? (declared as OptionalType<unknown>).inner : declared;
  if (TIMESTAMP_KINDS.has(type.kind)) return;
  const { uid } = place.builder.node(place.node);
  refuse(
    `${what} after "${uid}": the field is of type ${renderType(declared)}. A timestamp is a ` +
      `number of ms; give a function that makes one, such as (r) => Date.parse(r.${timestamp}).`,
    { uid, field: timestamp, type: renderType(declared) },
  );
}
