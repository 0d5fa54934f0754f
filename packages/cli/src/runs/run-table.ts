/* Runs as a table for people and as data for programs. */
import type { RunListing } from "oxbow/internal";
import { countText, durationText } from "../figure-text.ts";

const HEADINGS = ["JOB ID", "NAME", "STATUS", "UP", "RECORDS IN", "CHECKPOINT", "BEGAN FROM"];
/** Of derived ids; enough to tell any two apart. */
const SHORT_ID_LENGTH = 12;
const DERIVED_ID = /^[0-9a-f]{32}$/;

/** A line of headings and one per run. */
export function runTable(listings: readonly RunListing[], now: number): string[] {
  const rows = [HEADINGS, ...listings.map((listing) => rowOf(listing, now))];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join("  ")
      .trimEnd(),
  );
}

/** `6f0b1c9a0d1e  flights  RUNNING`: what tells a run from others. */
export function runLine(listing: RunListing): string {
  const { jobId, jobName } = identityOf(listing);
  return [shortId(jobId), jobName, statusOf(listing)].join("  ");
}

/** Plain data; of a run that lives all that its process says. */
export function runData(listing: RunListing): Readonly<Record<string, unknown>> {
  const status = statusOf(listing);
  const { runDirectory } = listing;
  switch (listing.kind) {
    case "live":
      return { ...listing.report, isRunning: true };
    case "silent":
    case "at-rest": {
      const { jobId, jobName, epoch, createdAt, updatedAt, isResumable } = listing.record;
      return {
        jobId,
        jobName,
        runDirectory,
        status,
        isRunning: listing.kind === "silent",
        isResumable,
        epoch,
        ...(listing.kind === "silent" ? { pid: listing.pid } : {}),
        createdAt,
        updatedAt,
        restoredFrom: listing.record.restoredFrom?.path ?? null,
        newestCheckpoint: listing.checkpoint ?? null,
      };
    }
    case "unreadable": {
      const { message } = listing.error as Error;
      return { ...identityOf(listing), runDirectory, status, isRunning: false, error: message };
    }
  }
}

/** Id and name; where they cannot be read, what the directory is called. */
export function identityOf(listing: RunListing): {
  readonly jobId: string;
  readonly jobName: string;
} {
  switch (listing.kind) {
    case "live":
      return listing.report;
    case "silent":
    case "at-rest":
      return listing.record;
    case "unreadable":
      return { jobId: listing.runDirectory.split("/").at(-1) ?? "", jobName: "" };
  }
}

/** Flink's status of a job that runs; of others what became of the run. */
export function statusOf(listing: RunListing): string {
  switch (listing.kind) {
    case "live":
      return listing.report.status;
    case "silent":
      return "SILENT";
    case "at-rest":
      return listing.record.status === "running" ? "DIED" : listing.record.status.toUpperCase();
    case "unreadable":
      return "UNREADABLE";
  }
}

function rowOf(listing: RunListing, now: number): string[] {
  const { jobId, jobName } = identityOf(listing);
  const begin = [shortId(jobId), jobName, statusOf(listing)];
  switch (listing.kind) {
    case "live": {
      const { uptimeMs, recordsInCount, newestCheckpoint, restoredFrom } = listing.report;
      const checkpoint =
        newestCheckpoint === null
          ? "-"
          : `${newestCheckpoint.id}, ${agoText(newestCheckpoint.triggeredAt, now)}`;
      const figures = [durationText(uptimeMs), countText(recordsInCount), checkpoint];
      return [...begin, ...figures, restoredFrom ?? "-"];
    }
    case "silent":
    case "at-rest": {
      const { checkpoint, record } = listing;
      const text =
        checkpoint === undefined
          ? "-"
          : `${checkpoint.id}, ${agoText(checkpoint.completedAt, now)}`;
      return [...begin, "-", "-", text, record.restoredFrom?.path ?? "-"];
    }
    case "unreadable":
      return [...begin, "-", "-", "-", "-"];
  }
}

function shortId(jobId: string): string {
  return DERIVED_ID.test(jobId) ? jobId.slice(0, SHORT_ID_LENGTH) : jobId;
}

function agoText(timestamp: number, now: number): string {
  const minutes = Math.floor(Math.max(0, now - timestamp) / 60_000);
  if (minutes < 60) return `${durationText(Math.max(0, now - timestamp))} ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} d ago`;
}
