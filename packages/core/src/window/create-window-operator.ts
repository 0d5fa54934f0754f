/*
 * The door to the window operators: the one that a plan needs.
 */
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { PaneWindows } from "./pane-windows.ts";
import { SessionWindows } from "./session-windows.ts";
import { SharedWindows } from "./shared-windows.ts";
import { TriggerWindows } from "./trigger-windows.ts";
import type { WindowContext, WindowOperator } from "./window-operator.ts";
import type { WindowPlan } from "./window-plan.ts";

/**
 * Makes the operator of a plan and declares its tables in the backend, before anything is loaded.
 * Afterwards the state is loaded, and `restored` is called.
 */
export function createWindowOperator(
  plan: WindowPlan,
  backend: KeyedBackend,
  context: WindowContext,
): WindowOperator {
  switch (plan.storage) {
    case "panes":
      return plan.hasSharedPanes
        ? new SharedWindows(plan, backend, context)
        : new PaneWindows(plan, backend, context);
    case "triggers":
      return new TriggerWindows(plan, backend, context);
    case "sessions":
      return new SessionWindows(plan, backend, context);
  }
}
