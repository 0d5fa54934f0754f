/*
 * Who this process is to others that share its storage: pid, and a token that no other process
 * with the same pid has.
 *
 * Token: `<machine>/<boot>/<start>`, parts without slashes.
 * - machine: host name (Linux, others) or hardware UUID (macOS, whose host names change with the
 *   network). In a container it is the container's name.
 * - boot: boot id of the kernel and pid namespace; "-" where there is none.
 * - start: start time of the process as the system counts it.
 *
 * I1. `isAlive` says false only if the process is known to be gone. A process of another machine
 *     cannot be seen from here and counts as alive.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { ProcessIdentity } from "./env.ts";

/** The identity of this process; reads /proc on Linux and runs `ps` elsewhere, once. */
export function nodeProcessIdentity(): ProcessIdentity {
  const machine = machineName();
  const boot = bootName();
  const start = startTimeOf(process.pid) ?? "-";
  return Object.freeze({
    pid: process.pid,
    startToken: [machine, boot, start].join("/"),
    isAlive: (pid: number, startToken: string): boolean =>
      isProcessAlive({ machine, boot }, pid, startToken),
  });
}

function isProcessAlive(
  here: { readonly machine: string; readonly boot: string },
  pid: number,
  startToken: string,
): boolean {
  const [machine, boot, start] = startToken.split("/");
  // The same boot and pid namespace: its processes are ours, whatever the machine is called now.
  if (boot !== "-" && boot === here.boot) return startTimeOf(pid) === start;
  if (machine !== here.machine) return true;
  // The same machine after a reboot, or the same container after a restart: all of it is gone.
  if (boot !== here.boot) return false;
  return startTimeOf(pid) === start;
}

function machineName(): string {
  const name = process.platform === "darwin" ? output("sysctl", ["-n", "kern.uuid"]) : hostname();
  return (name ?? hostname()).replaceAll("/", "_");
}

function bootName(): string {
  if (process.platform !== "linux") return "-";
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot}+${readlinkSync("/proc/self/ns/pid")}`.replaceAll("/", "_");
  } catch {
    // A hardened container may hide both; the machine's name and start times remain.
    return "-";
  }
}

/** Start time of a running process in an opaque form; undefined if there is none. */
function startTimeOf(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The name (field 2) is in parentheses and may contain anything; fields go on after the last.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const isDead = fields[0] === "Z" || fields[0] === "X";
      return isDead ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  if (process.platform === "win32") {
    const query = `(Get-Process -Id ${pid}).StartTime.Ticks`;
    return output("powershell", ["-NoProfile", "-Command", query]);
  }
  return output("ps", ["-o", "lstart=", "-p", String(pid)]);
}

function output(command: string, args: readonly string[]): string | undefined {
  try {
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    const text = execFileSync(command, args, { encoding: "utf8", env, stdio }).trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}
