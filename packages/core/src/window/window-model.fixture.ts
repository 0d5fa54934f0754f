/*
 * WindowModel: what windows mean, as plainly as possible: Flink's WindowOperator on maps and
 * arrays. The yardstick for the operators of this folder; slow, and keeps every record.
 */
import { addSaturated, MAX_WATERMARK, NO_WATERMARK } from "../time/timestamp.ts";
import { assignWindows } from "./assigner.ts";
import type { TimeWindow } from "./assigner.ts";
import { insertSession } from "./session-merge.ts";
import { FIRE, PURGE } from "./trigger.ts";
import type { TriggerContext, TriggerResult } from "./trigger.ts";
import type { WindowPlan } from "./window-plan.ts";

/** A firing: all records of a key and window. */
export interface ModelFiring<T> {
  readonly key: string;
  readonly window: TimeWindow;
  readonly records: readonly T[];
}

interface ModelWindow<T> {
  readonly key: string;
  window: TimeWindow;
  /** Undefined: nothing since the last purge. */
  records: T[] | undefined;
  state: Record<string, unknown>;
}

interface ModelTimer {
  readonly domain: "event" | "processing";
  readonly timestamp: number;
  readonly key: string;
  readonly window: TimeWindow;
}

/** See the file header. */
export class WindowModel<T extends { readonly key: string; readonly at: number }> {
  readonly firings: ModelFiring<T>[] = [];
  readonly late: T[] = [];
  watermark = NO_WATERMARK;
  now = 0;
  readonly #plan: WindowPlan;
  readonly #windows = new Map<string, ModelWindow<T>>();
  readonly #timers = new Map<string, ModelTimer>();

  constructor(plan: WindowPlan) {
    this.#plan = plan;
  }

  get windowsCount(): number {
    return this.#windows.size;
  }

  process(record: T): void {
    const { assigner, allowedLatenessMs } = this.#plan;
    const time = assigner.time === "event" ? record.at : this.now;
    let isSkipped = true;
    for (const assigned of assignWindows(assigner, time, record)) {
      const window = assigner.kind === "session" ? this.#merge(record.key, assigned) : assigned;
      if (this.#isPast(window)) continue;
      isSkipped = false;
      const of = this.#open(record.key, window);
      of.records = [...(of.records ?? []), record];
      this.#act(this.#plan.trigger.onRecord(record, record.at, this.#context(of)), of);
      this.#setCleanup(of);
    }
    const isLate =
      assigner.time === "event" && addSaturated(record.at, allowedLatenessMs) <= this.watermark;
    if (isSkipped && isLate) this.late.push(record);
  }

  advanceWatermark(watermark: number): void {
    if (watermark <= this.watermark) return;
    this.watermark = watermark;
    this.#fire("event", this.watermark);
  }

  advanceClock(now: number): void {
    this.now = now;
    this.#fire("processing", now - 1);
  }

  #fire(domain: "event" | "processing", upTo: number): void {
    for (;;) {
      const due = [...this.#timers.values()].filter(
        (timer) => timer.domain === domain && timer.timestamp <= upTo,
      );
      if (due.length === 0) return;
      this.#onTimer(due.reduce((a, b) => (b.timestamp < a.timestamp ? b : a)));
    }
  }

  #onTimer(timer: ModelTimer): void {
    const { domain, timestamp, key, window } = timer;
    this.#timers.delete(timerId(timer));
    const of = this.#windows.get(windowId(key, window));
    if (of === undefined) return;
    const { trigger, assigner } = this.#plan;
    const context = this.#context(of);
    const result =
      domain === "event"
        ? trigger.onEventTime(timestamp, context)
        : trigger.onProcessingTime(timestamp, context);
    this.#act(result, of);
    if (assigner.time !== domain || timestamp !== this.#cleanupTime(window)) return;
    trigger.clear(this.#context(of));
    this.#windows.delete(windowId(key, window));
  }

  #merge(key: string, added: TimeWindow): TimeWindow {
    const own = [...this.#windows.values()].filter((of) => of.key === key);
    const before = own.map((of) => of.window).sort((a, b) => a.start - b.start);
    const merged = insertSession(before, added).find(
      (window) => window.start <= added.start && added.end <= window.end,
    );
    if (merged === undefined) return added;
    const parts = own
      .filter(({ window }) => merged.start <= window.start && window.end <= merged.end)
      .sort((a, b) => a.window.start - b.window.start);
    const [only] = parts;
    if (parts.length === 0 || (parts.length === 1 && sameWindow(only.window, merged)))
      return merged;
    const { trigger } = this.#plan;
    const states = parts.map((part) => part.state);
    const records = parts.flatMap((part) => part.records ?? []);
    const isEmpty = parts.every((part) => part.records === undefined);
    for (const part of parts) {
      part.state = { ...part.state };
      trigger.clear(this.#context(part));
      this.#windows.delete(windowId(key, part.window));
      const timestamp = this.#cleanupTime(part.window);
      this.#timers.delete(
        timerId({ domain: this.#plan.assigner.time, timestamp, key, window: part.window }),
      );
    }
    const of = this.#open(key, merged);
    of.records = isEmpty ? undefined : records;
    of.state = states.slice(1).reduce((a, b) => this.#mergeStates(a, b), { ...states[0] });
    trigger.onMerge?.(this.#context(of));
    return merged;
  }

  #mergeStates(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
    const entries = Object.entries(this.#plan.trigger.state).map(([name, { merge }]) => [
      name,
      (merge as unknown as (x: unknown, y: unknown) => unknown)(a[name], b[name]),
    ]);
    return Object.fromEntries(entries) as Record<string, unknown>;
  }

  #open(key: string, window: TimeWindow): ModelWindow<T> {
    const id = windowId(key, window);
    let of = this.#windows.get(id);
    if (of === undefined) {
      const states = Object.entries(this.#plan.trigger.state);
      const state = Object.fromEntries(states.map(([name, { initial }]) => [name, initial]));
      of = { key, window, records: undefined, state };
      this.#windows.set(id, of);
    }
    return of;
  }

  #act(result: TriggerResult, of: ModelWindow<T>): void {
    const { key, window, records } = of;
    if ((result & FIRE) !== 0 && records !== undefined) this.firings.push({ key, window, records });
    if ((result & PURGE) !== 0) of.records = undefined;
  }

  #setCleanup({ key, window }: ModelWindow<T>): void {
    const timestamp = this.#cleanupTime(window);
    if (timestamp >= MAX_WATERMARK - 1) return;
    this.#addTimer({ domain: this.#plan.assigner.time, timestamp, key, window });
  }

  #addTimer(timer: ModelTimer): void {
    this.#timers.set(timerId(timer), timer);
  }

  #context(of: ModelWindow<T>): TriggerContext {
    const { key, window } = of;
    const timer = (domain: "event" | "processing", timestamp: number): ModelTimer => ({
      domain,
      timestamp,
      key,
      window,
    });
    return {
      window,
      currentWatermark: this.watermark,
      currentProcessingTime: this.now,
      state: of.state,
      registerEventTimeTimer: (timestamp) => this.#addTimer(timer("event", timestamp)),
      deleteEventTimeTimer: (timestamp) =>
        void this.#timers.delete(timerId(timer("event", timestamp))),
      registerProcessingTimeTimer: (timestamp) => this.#addTimer(timer("processing", timestamp)),
      deleteProcessingTimeTimer: (timestamp) =>
        void this.#timers.delete(timerId(timer("processing", timestamp))),
    };
  }

  #cleanupTime(window: TimeWindow): number {
    return addSaturated(window.end - 1, this.#plan.allowedLatenessMs);
  }

  #isPast(window: TimeWindow): boolean {
    const { assigner } = this.#plan;
    return assigner.time === "event" && this.#cleanupTime(window) <= this.watermark;
  }
}

function sameWindow(a: TimeWindow, b: TimeWindow): boolean {
  return a.start === b.start && a.end === b.end;
}

function windowId(key: string, { start, end }: TimeWindow): string {
  return `${key} ${start} ${end}`;
}

function timerId({ domain, timestamp, key, window }: ModelTimer): string {
  return `${domain} ${timestamp} ${windowId(key, window)}`;
}
