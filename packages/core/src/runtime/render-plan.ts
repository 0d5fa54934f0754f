/** render-plan: a restore plan as text, for people. */
import type { Change, OperatorPlan, RestorePlan, StatePlan } from "./restore-plan.ts";

/** Several lines, the last one with a line end: every operator with its states, then problems. */
export function renderPlan(plan: RestorePlan): string {
  const { kind, checkpointId, jobName, epoch, completedAt } = plan.snapshot;
  const taken = new Date(completedAt).toISOString();
  const lines = [
    `job "${plan.jobName}" from ${kind} ${checkpointId} of job "${jobName}" ` +
      `(epoch ${epoch}, ${taken})`,
    "",
    ...plan.operators.filter(({ outcome }) => outcome !== "stateless").flatMap(operatorLines),
  ];
  const statelessCount = plan.operators.filter(({ outcome }) => outcome === "stateless").length;
  if (statelessCount > 0) lines.push(`${statelessCount} operators without state`);
  lines.push("");
  if (plan.isPossible) lines.push("It can be restored.");
  else lines.push(`It cannot be restored (problems: ${plan.problems.length}):`);
  for (const [at, { message, remedy }] of plan.problems.entries()) {
    lines.push(`${at + 1}. ${message}`, `   ${remedy}`);
  }
  return `${lines.join("\n")}\n`;
}

function operatorLines(operator: OperatorPlan): string[] {
  const { uid, outcome, renamedFrom, rowsCount, sizeBytes } = operator;
  const facts = [
    operator.kind.to ?? operator.kind.from,
    figure("parallelism", operator.parallelism),
    figure("max parallelism", operator.maxParallelism),
    ...counted(rowsCount, "rows"),
    ...counted(operator.splitsCount, "splits"),
    ...counted(operator.pendingTransactionsCount, "pending transactions"),
    ...counted(sizeBytes, "bytes"),
  ];
  const renamed = renamedFrom === undefined ? "" : `, was "${renamedFrom}"`;
  return [
    `${uid}: ${outcome}${renamed} (${facts.join(", ")})`,
    ...operator.states.map((state) => `  ${stateLine(state)}`),
  ];
}

function stateLine({ name, renamedFrom, outcome, elementsCount }: StatePlan): string {
  const renamed = renamedFrom === undefined ? "" : `, was "${renamedFrom}"`;
  const elements = elementsCount === undefined ? "" : ` (${elementsCount} elements)`;
  return `${name}: ${outcomeText(outcome)}${renamed}${elements}`;
}

function outcomeText(outcome: StatePlan["outcome"]): string {
  switch (outcome.kind) {
    case "as-is":
      return "as it is";
    case "added":
      return "starts empty";
    case "removed":
      return "stays in the snapshot";
    case "migrated":
      return `migrated: ${outcome.how.join("; ")}`;
    case "incompatible": {
      const { path, stored, declared, reason } = outcome;
      const where = path === "" ? "" : `${path}: `;
      return `incompatible: ${where}${stored} is ${declared} now, ${reason}`;
    }
  }
}

/** `parallelism 2`, or `parallelism 2 → 3` where it changes. */
function figure(name: string, { from, to }: Change<number>): string {
  if (from === undefined || to === undefined || from === to) return `${name} ${to ?? from}`;
  return `${name} ${from} → ${to}`;
}

function counted(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}
