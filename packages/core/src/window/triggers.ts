/*
 * The built-in triggers, as in Flink: event time, processing time, count, purging, continuous,
 * never. Contract: `trigger.ts`. Semantics: docs/semantics/windows.md, "Triggers".
 */
import { oxbowError } from "../errors.ts";
import { formatDuration, parseDuration } from "../time/duration.ts";
import type { Duration } from "../time/duration.ts";
import { MAX_WATERMARK } from "../time/timestamp.ts";
import { t } from "../types/t.ts";
import { MAX_WINDOW_MS } from "./assigner.ts";
import type { WindowAssigner } from "./assigner.ts";
import { CONTINUE, customTrigger, FIRE, FIRE_AND_PURGE } from "./trigger.ts";
import type { Trigger, TriggerContext, TriggerResult, TriggerState } from "./trigger.ts";

/** Fires when the watermark passes the window's end, and again for each late record (Flink's). */
export function eventTimeTrigger(): Trigger {
  return EVENT_TIME;
}

const EVENT_TIME: Trigger = Object.freeze({
  kind: "event-time",
  description: "event time",
  state: {},
  onRecord: (_record: unknown, _timestamp: number, context: TriggerContext) => {
    const last = context.window.end - 1;
    if (last <= context.currentWatermark) return FIRE;
    context.registerEventTimeTimer(last);
    return CONTINUE;
  },
  onEventTime: (timestamp: number, { window }: TriggerContext) =>
    timestamp === window.end - 1 ? FIRE : CONTINUE,
  onProcessingTime: () => CONTINUE,
  onMerge: (context: TriggerContext) => {
    const last = context.window.end - 1;
    if (last > context.currentWatermark) context.registerEventTimeTimer(last);
  },
  clear: (context: TriggerContext) => context.deleteEventTimeTimer(context.window.end - 1),
});

/** Fires when the clock passes the window's end. */
export function processingTimeTrigger(): Trigger {
  return PROCESSING_TIME;
}

const PROCESSING_TIME: Trigger = Object.freeze({
  kind: "processing-time",
  description: "processing time",
  state: {},
  onRecord: (_record: unknown, _timestamp: number, context: TriggerContext) => {
    context.registerProcessingTimeTimer(context.window.end - 1);
    return CONTINUE;
  },
  onEventTime: () => CONTINUE,
  onProcessingTime: () => FIRE,
  onMerge: (context: TriggerContext) => {
    const last = context.window.end - 1;
    if (last > context.currentProcessingTime) context.registerProcessingTimeTimer(last);
  },
  clear: (context: TriggerContext) => context.deleteProcessingTimeTimer(context.window.end - 1),
});

/** Never fires: the default of `global()`. */
export function neverTrigger(): Trigger {
  return NEVER;
}

const NEVER: Trigger = Object.freeze({
  kind: "never",
  description: "never",
  state: {},
  onRecord: () => CONTINUE,
  onEventTime: () => CONTINUE,
  onProcessingTime: () => CONTINUE,
  onMerge: () => {},
  clear: () => {},
});

/** Fires at every `count` records of a key and window. It does not fire at the window's end. */
export function countTrigger(count: number): Trigger {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw oxbowError("WINDOW_INVALID", `countTrigger: ${count} is no whole number ≥ 1.`, { count });
  }
  const seen = (context: TriggerContext): { seen: number } => context.state as { seen: number };
  return Object.freeze({
    kind: "count",
    description: `count ${count}`,
    state: { seen: counterState },
    onRecord: (_record: unknown, _timestamp: number, context: TriggerContext) => {
      const state = seen(context);
      state.seen += 1;
      if (state.seen < count) return CONTINUE;
      state.seen = 0;
      return FIRE;
    },
    onEventTime: () => CONTINUE,
    onProcessingTime: () => CONTINUE,
    onMerge: () => {},
    clear: () => {},
  });
}

const counterState = {
  type: t.int64,
  initial: 0,
  merge: (a: number, b: number): number => a + b,
} as unknown as TriggerState<never>;

/** What `inner` says, and the window is emptied whenever it fires. */
export function purgingTrigger<T>(inner: Trigger<T>): Trigger<T> {
  const purge = (result: TriggerResult): TriggerResult =>
    (result & FIRE) === 0 ? result : FIRE_AND_PURGE;
  return Object.freeze({
    kind: "purging",
    description: `purging ${inner.description}`,
    state: inner.state,
    onRecord: (record: T, timestamp: number, context: TriggerContext) =>
      purge(inner.onRecord(record, timestamp, context)),
    onEventTime: (timestamp: number, context: TriggerContext) =>
      purge(inner.onEventTime(timestamp, context)),
    onProcessingTime: (timestamp: number, context: TriggerContext) =>
      purge(inner.onProcessingTime(timestamp, context)),
    ...(inner.onMerge === undefined
      ? {}
      : { onMerge: (context: TriggerContext) => inner.onMerge?.(context) }),
    clear: (context: TriggerContext) => inner.clear(context),
  });
}

/** Fires every `interval` of event time while a window has records, and at the window's end. */
export function continuousEventTimeTrigger(interval: Duration): Trigger {
  return continuousTrigger("event", interval);
}

/** Fires every `interval` of processing time while a window has records. */
export function continuousProcessingTimeTrigger(interval: Duration): Trigger {
  return continuousTrigger("processing", interval);
}

/** No firing is due. */
const NO_TIME = Number.MAX_SAFE_INTEGER;

const nextState = {
  type: t.timestamp,
  initial: NO_TIME,
  merge: (a: number, b: number): number => Math.min(a, b),
} as unknown as TriggerState<never>;

function continuousTrigger(domain: "event" | "processing", interval: Duration): Trigger {
  const name =
    domain === "event" ? "continuousEventTimeTrigger" : "continuousProcessingTimeTrigger";
  const intervalMs = parseDuration(interval, name, { minMs: 1, maxMs: MAX_WINDOW_MS });
  const isEvent = domain === "event";
  const register = (context: TriggerContext, timestamp: number): void => {
    if (isEvent) context.registerEventTimeTimer(timestamp);
    else context.registerProcessingTimeTimer(timestamp);
  };
  const arm = (context: TriggerContext, after: number): void => {
    const next = nextFiring(context, { after, intervalMs, isEvent });
    (context.state as { next: number }).next = next;
    register(context, next);
  };
  const onTimer = (timestamp: number, context: TriggerContext): TriggerResult => {
    const state = context.state as { next: number };
    if (isEvent && timestamp === context.window.end - 1) return FIRE;
    if (state.next !== timestamp) return CONTINUE;
    state.next = NO_TIME;
    arm(context, timestamp);
    return FIRE;
  };
  return Object.freeze({
    kind: isEvent ? "continuous-event-time" : "continuous-processing-time",
    description: `continuous ${domain} time ${formatDuration(intervalMs)}`,
    state: { next: nextState },
    onRecord: (_record: unknown, timestamp: number, context: TriggerContext) => {
      const last = context.window.end - 1;
      if (isEvent && last <= context.currentWatermark) return FIRE;
      if (isEvent) context.registerEventTimeTimer(last);
      if ((context.state as { next: number }).next === NO_TIME) {
        const time = isEvent ? timestamp : context.currentProcessingTime;
        arm(context, time - (((time % intervalMs) + intervalMs) % intervalMs));
      }
      return CONTINUE;
    },
    onEventTime: (timestamp: number, context: TriggerContext) =>
      isEvent ? onTimer(timestamp, context) : CONTINUE,
    onProcessingTime: (timestamp: number, context: TriggerContext) =>
      isEvent ? CONTINUE : onTimer(timestamp, context),
    onMerge: (context: TriggerContext) => {
      const { next } = context.state as { next: number };
      if (next !== NO_TIME) register(context, next);
      if (isEvent && context.window.end - 1 > context.currentWatermark) {
        context.registerEventTimeTimer(context.window.end - 1);
      }
    },
    clear: (context: TriggerContext) => {
      const { next } = context.state as { next: number };
      if (isEvent) context.deleteEventTimeTimer(context.window.end - 1);
      if (next === NO_TIME) return;
      if (isEvent) context.deleteEventTimeTimer(next);
      else context.deleteProcessingTimeTimer(next);
    },
  });
}

/** When a continuous trigger fires next: a window's end is not skipped. */
function nextFiring(
  { window, currentWatermark }: TriggerContext,
  of: { readonly after: number; readonly intervalMs: number; readonly isEvent: boolean },
): number {
  const last = window.end - 1;
  // At the end of the input time leaps to its end; nobody wants the firings in between.
  if (of.isEvent && currentWatermark === MAX_WATERMARK) return last;
  const next = of.after + of.intervalMs;
  // An event-time window's end says nothing about the clock: then it may have gone by.
  return of.after < last ? Math.min(next, last) : next;
}

/** The trigger of windows for which none was given, as in Flink. */
export function defaultTrigger(assigner: WindowAssigner<never>): Trigger {
  if (assigner.kind === "global") return NEVER;
  return assigner.time === "event" ? EVENT_TIME : PROCESSING_TIME;
}

/**
 * All triggers under one name.
 *
 * @example
 * const windows = flights.keyBy("origin").window(tumbling("1h"));
 * windows.trigger(trigger.purging(trigger.count(10))).aggregate("tens", { flights: count() });
 */
export const trigger = Object.freeze({
  eventTime: eventTimeTrigger,
  processingTime: processingTimeTrigger,
  count: countTrigger,
  purging: purgingTrigger,
  continuousEventTime: continuousEventTimeTrigger,
  continuousProcessingTime: continuousProcessingTimeTrigger,
  never: neverTrigger,
  custom: customTrigger,
});
