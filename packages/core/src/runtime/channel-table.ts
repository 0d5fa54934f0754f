/**
 * ChannelTable: the ends of channels that one worker has: local channels between its own subtasks,
 * ends of rings to other workers.
 */
import { assert } from "../assert.ts";
import type { Env } from "../env/env.ts";
import type { InputChannel, OutputChannel } from "../exchange/channel.ts";
import { LocalChannel } from "../exchange/local-channel.ts";
import type { LocalChannelOptions } from "../exchange/local-channel.ts";
import { RingInput, RingOutput } from "../exchange/ring-channel.ts";
import type { JobEdge, JobGraph } from "../graph/job-graph.ts";
import type { DoorbellPanel } from "./doorbells.ts";
import type { ChannelGrant, DeployMessage } from "./messages.ts";
import { channelKey, workerOf } from "./placement.ts";

export interface ChannelTableOptions {
  readonly env: Env;
  readonly job: JobGraph;
  readonly deploy: DeployMessage;
  readonly doorbells: DoorbellPanel;
  readonly encodesLocalChannels: boolean;
  /** Wakes this worker. */
  readonly wake: () => void;
}

/** The subtasks at both ends, and who counts the bytes between threads. */
export interface ChannelPair {
  readonly producer: number;
  readonly consumer: number;
  readonly countBytes: (sizeBytes: number) => void;
}

/** See the file header. */
export class ChannelTable {
  readonly #options: ChannelTableOptions;
  readonly #grants: ReadonlyMap<string, ChannelGrant>;
  readonly #locals = new Map<string, LocalChannel>();

  constructor(options: ChannelTableOptions) {
    this.#options = options;
    this.#grants = new Map(
      options.deploy.channels.map((grant) => [
        channelKey(grant.edge, grant.producer, grant.consumer),
        grant,
      ]),
    );
  }

  /** The producer's end. */
  output(edge: JobEdge, pair: ChannelPair): OutputChannel {
    const { producer, consumer } = pair;
    const { env, deploy, doorbells } = this.#options;
    const consumerWorker = workerOf(consumer, deploy.workersCount);
    if (consumerWorker === deploy.workerIndex) return this.#local(edge, producer, consumer);
    return new RingOutput({
      memory: this.#grant(edge, producer, consumer).memory,
      ...this.#encoding(edge),
      consumerDoorbell: doorbells.bell(consumerWorker),
      isVerified: env.verify,
      countBytes: pair.countBytes,
    });
  }

  /** The consumer's end. */
  input(edge: JobEdge, pair: ChannelPair): InputChannel {
    const { producer, consumer } = pair;
    const { deploy, doorbells } = this.#options;
    const producerWorker = workerOf(producer, deploy.workersCount);
    if (producerWorker === deploy.workerIndex) return this.#local(edge, producer, consumer);
    return new RingInput({
      memory: this.#grant(edge, producer, consumer).memory,
      name: edge.name,
      producerDoorbell: doorbells.bell(producerWorker),
      countBytes: pair.countBytes,
    });
  }

  #local(edge: JobEdge, producer: number, consumer: number): LocalChannel {
    const key = channelKey(edge.index, producer, consumer);
    let channel = this.#locals.get(key);
    if (channel === undefined) {
      const bell = { ring: this.#options.wake };
      channel = new LocalChannel({
        name: edge.name,
        isEncoded: this.#options.encodesLocalChannels,
        ...this.#encoding(edge),
        consumerDoorbell: bell,
        producerDoorbell: bell,
      });
      this.#locals.set(key, channel);
    }
    return channel;
  }

  #grant(edge: JobEdge, producer: number, consumer: number): ChannelGrant {
    const grant = this.#grants.get(channelKey(edge.index, producer, consumer));
    assert(
      grant !== undefined,
      () => `the channel ${edge.name} ${producer} -> ${consumer} was granted`,
    );
    return grant;
  }

  /** How records are encoded, wherever they are. */
  #encoding(edge: JobEdge): Pick<LocalChannelOptions, "operator" | "fields"> {
    const { partitioner } = edge;
    return {
      operator: this.#options.job.graph.nodes[edge.edge.from].uid,
      fields: partitioner.kind === "hash" ? partitioner.fields : undefined,
    };
  }
}
