/*
 * WindowDescription: what the contents that a window operator has in state mean: which spans of
 * time panes are, and what timers and flags beside them say. Plain data, which goes into snapshots,
 * so that a change is refused before anything runs.
 *
 * Not in it, since they may change: the gap of sessions, the allowed lateness, which trigger it is
 * other than the default one and what is aggregated (accumulators are states of their own).
 */
import type { Incompatible } from "../types/evolution.ts";
import { formatDuration } from "../time/duration.ts";
import type { TimeDomain, WindowAssigner } from "./assigner.ts";
import type { WindowPlan } from "./window-plan.ts";

/**
 * How windows are kept: a pane per window, panes that windows share, a pane per window with timers
 * of a trigger, sessions, sessions with timers of a trigger.
 */
export type WindowKeeping =
  | "panes"
  | "shared-panes"
  | "triggered-panes"
  | "sessions"
  | "triggered-sessions";

/** See the file header. */
export interface WindowDescription {
  readonly assigner: WindowAssigner["kind"];
  readonly time: TimeDomain;
  /** Tumbling and sliding windows. */
  readonly sizeMs?: number;
  readonly slideMs?: number;
  readonly offsetMs?: number;
  readonly keeping: WindowKeeping;
}

/** The description of the windows of a plan. */
export function describeWindows(plan: WindowPlan): WindowDescription {
  const { assigner } = plan;
  const { kind, time } = assigner;
  const keeping = keepingOf(plan);
  switch (assigner.kind) {
    case "tumbling": {
      const { sizeMs, offsetMs } = assigner;
      return Object.freeze({ assigner: kind, time, sizeMs, offsetMs, keeping });
    }
    case "sliding": {
      const { sizeMs, slideMs, offsetMs } = assigner;
      return Object.freeze({ assigner: kind, time, sizeMs, slideMs, offsetMs, keeping });
    }
    case "session":
    case "global":
      return Object.freeze({ assigner: kind, time, keeping });
  }
}

function keepingOf({ storage, hasSharedPanes, hasDefaultTrigger }: WindowPlan): WindowKeeping {
  switch (storage) {
    case "panes":
      return hasSharedPanes ? "shared-panes" : "panes";
    case "triggers":
      return "triggered-panes";
    case "sessions":
      return hasDefaultTrigger ? "sessions" : "triggered-sessions";
  }
}

/** What keeps stored panes or sessions from going on; undefined: nothing does. */
export function windowsProblem(
  stored: WindowDescription,
  declared: WindowDescription,
): Incompatible | undefined {
  const path = differenceOf(stored, declared);
  if (path === undefined) return undefined;
  return {
    kind: "incompatible",
    path,
    stored: windowsText(stored),
    declared: windowsText(declared),
    reason: `the ${path} of windows never changes while they have contents`,
  };
}

function differenceOf(a: WindowDescription, b: WindowDescription): string | undefined {
  if (a.assigner !== b.assigner) return "kind";
  if (a.time !== b.time) return "time";
  if (a.sizeMs !== b.sizeMs) return "size";
  if (a.slideMs !== b.slideMs) return "slide";
  if (offsetOf(a) !== offsetOf(b)) return "offset";
  return a.keeping === b.keeping ? undefined : "keeping";
}

/** Whole periods make no difference: −8 h and 16 h begin the same days. */
function offsetOf({ sizeMs, slideMs = sizeMs, offsetMs }: WindowDescription): number | undefined {
  if (slideMs === undefined || offsetMs === undefined) return undefined;
  return ((offsetMs % slideMs) + slideMs) % slideMs;
}

/** For people: `tumbling windows of 1h (event time)`. */
export function windowsText(of: WindowDescription): string {
  const size = of.sizeMs === undefined ? "" : ` of ${formatDuration(of.sizeMs)}`;
  const slide = of.slideMs === undefined ? "" : ` every ${formatDuration(of.slideMs)}`;
  const offset = (of.offsetMs ?? 0) === 0 ? "" : `, offset ${formatDuration(of.offsetMs ?? 0)}`;
  return `${of.assigner} windows${size}${slide}${offset} (${of.time} time${KEPT[of.keeping]})`;
}

const KEPT: Readonly<Record<WindowKeeping, string>> = {
  panes: "",
  "shared-panes": ", sharing panes",
  "triggered-panes": ", with a trigger",
  sessions: "",
  "triggered-sessions": ", with a trigger",
};
