/**
 * One subscription to containerd's events, kept alive: the source of exits, and of whether containerd
 * is there at all.
 * containerd does not say when a subscription has begun. So we publish a greeting, again and again
 * until one comes back: what happens after that cannot be missed. What happened before is found by
 * looking, which `onConnected` is for.
 */
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import type { Cancel, Env } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import { TaskExit } from '@swarmkit/sdk/wire/gen/containerd/events/task';
import { EventsService } from '@swarmkit/sdk/wire/gen/containerd/services/events/v1/events';
import type { Envelope } from '@swarmkit/sdk/wire/gen/containerd/types/event';
import type { ContainerdConnection } from './connection.js';
import { translate } from './status.js';

export interface RuntimeEventsHandler {
  /** A process ended: the container's own (`execId` '') or one that was run in it. */
  onExit(containerId: string, execId: string, exitStatus: number): void;
  /** The subscription is live; called again after each reconnect. */
  onConnected(): void;
  /** Once per loss, and when containerd is not there at the start. */
  onLost(reason: string): void;
}

const GREETING_TOPIC = '/swarmkit/subscribed';
const EXIT_TOPIC = '/tasks/exit';
/** Between two tries to subscribe. */
const RETRY_MS = 250;
/** After the first greeting; then twice as long, and so on. */
const GREETING_MS = 10;
/** For a greeting to come back. */
const SUBSCRIBE_MS = 10_000;

export class RuntimeEvents {
  private stream: ClientReadableStream<Envelope> | undefined;
  private timer: Cancel | undefined;
  private greeting = '';
  private state: 'idle' | 'connecting' | 'live' | 'lost' = 'idle';
  private closed = false;

  constructor(
    private readonly containerd: ContainerdConnection,
    private readonly env: Env,
    private readonly handler: RuntimeEventsHandler,
  ) {}

  /** True while no exit can be missed. */
  get live(): boolean {
    return this.state === 'live';
  }

  start(): void {
    if (this.state === 'idle') this.subscribe();
  }

  close(): void {
    this.closed = true;
    this.timer?.();
    this.stream?.cancel();
  }

  private subscribe(): void {
    const { namespace } = this.containerd;
    const stream = this.containerd.stream(EventsService.subscribe, {
      filters: [EXIT_TOPIC, GREETING_TOPIC].map(
        (topic) => `namespace==${namespace},topic=="${topic}"`,
      ),
    });
    this.stream = stream;
    this.greeting = this.env.id();
    if (this.state === 'idle') this.state = 'connecting';
    stream.on('data', (envelope: Envelope) => {
      if (this.stream === stream) this.take(envelope);
    });
    stream.on('error', (error: ServiceError) =>
      this.lose(stream, messageOf(translate(error, this.containerd.address))),
    );
    stream.on('end', () => this.lose(stream, 'containerd ended the subscription'));
    this.greet(stream, GREETING_MS);
  }

  private greet(stream: ClientReadableStream<Envelope>, waitMs: number): void {
    const event = { typeUrl: 'swarmkit.Subscribed', value: Buffer.from(this.greeting) };
    this.containerd
      .unary(EventsService.publish, { topic: GREETING_TOPIC, event })
      .catch((error: unknown) => {
        stream.cancel();
        this.lose(stream, messageOf(error));
      });
    this.timer = this.env.clock.after(waitMs, () => {
      // One that was published before the subscription had begun is lost.
      if (waitMs < SUBSCRIBE_MS) return this.greet(stream, 2 * waitMs);
      stream.cancel();
      this.lose(stream, `containerd at ${this.containerd.address} does not deliver events`);
    });
  }

  private take({ topic, event }: Envelope): void {
    if (event === undefined) return;
    if (topic === EXIT_TOPIC) {
      const exit = TaskExit.decode(event.value);
      // The container's own process has the container's id.
      const execId = exit.id === exit.containerId ? '' : exit.id;
      this.handler.onExit(exit.containerId, execId, exit.exitStatus);
    } else if (event.value.toString('utf8') === this.greeting && this.state !== 'live') {
      this.timer?.();
      this.state = 'live';
      this.handler.onConnected();
    }
  }

  private lose(stream: ClientReadableStream<Envelope>, reason: string): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    this.timer?.();
    if (this.closed) return;
    const known = this.state === 'lost';
    this.state = 'lost';
    if (!known) this.handler.onLost(reason);
    this.timer = this.env.clock.after(RETRY_MS, () => this.subscribe());
  }
}
