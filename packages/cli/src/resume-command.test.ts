import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { resumeCommand } from "./resume-command.ts";

test("the command that goes on is the same, without what was about the beginning", () => {
  const request = {
    file: "job.ts",
    output: "jsonl",
    options: {
      parallelism: 4,
      checkpointDirectory: "cp",
      savepointDirectory: "sp",
      jobId: "mine",
      newRun: true,
      restorePrevious: true,
      restore: { path: "/old", claimMode: "CLAIM", allowNonRestoredState: true, sinks: "discard" },
      configuration: {
        "execution.state-recovery.path": "/old",
        "execution.savepoint-restore-mode": "CLAIM",
        "execution.checkpointing.interval": "5 s",
      },
      args: ["--for-the-job", "it's"],
    },
  } as const;
  assert.equal(
    resumeCommand(request, "/s p", {}),
    "oxbow run job.ts -s '/s p' --claim-mode CLAIM -p 4 --checkpoint-dir cp --savepoint-dir sp " +
      "-D 'execution.checkpointing.interval=5 s' -o jsonl -- --for-the-job 'it'\\''s'",
  );
});

test("the command is called as this one was", () => {
  const request = { file: "job.ts", output: "text", options: {} } as const;
  assert.equal(resumeCommand(request, "/s", {}), "oxbow run job.ts -s /s");
  assert.equal(resumeCommand(request, "/s", { npm_command: "exec" }), "npx oxbow run job.ts -s /s");
  assert.equal(
    resumeCommand(request, "/s", { npm_command: "run-script", npm_lifecycle_event: "oxbow" }),
    "npm run oxbow -- run job.ts -s /s",
  );
});

const NEEDS_SHELL = process.platform === "win32" && "asks a POSIX shell";

test("a shell reads each word as it was", { skip: NEEDS_SHELL }, () => {
  const words = ["a b", "it's", '"', "$HOME", "back\\slash", "*", "a=b", "", "é\n"];
  const request = { file: "f", output: "text", options: { args: words } } as const;
  const command = resumeCommand(request, "/s", {});
  const script = `oxbow() { shift 5; printf '%s\\0' "$@"; }\n${command}`;
  const read = execFileSync("sh", ["-c", script], { encoding: "utf8" });
  assert.deepEqual(read.split("\0").slice(0, -1), words);
});
