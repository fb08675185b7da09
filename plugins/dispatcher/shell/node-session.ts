import type { Cancel, Clock } from '@swarmkit/sdk/plugin/env';
import type { Registrations } from '../core/liveness.js';
import { SignalFlag } from './signal-flag.js';

/** What the leader keeps in memory of one node: its session, its heartbeat timer, its streams. */
export class NodeSession {
  /** Empty until the node registered with this leader. */
  sessionId = '';
  registrations: Registrations | undefined;
  /** Aborts when another session replaces this one, or the node is given up. */
  ended = new AbortController();
  /** Raised when the agent has something to hear on its session stream. */
  readonly news = new Set<SignalFlag>();
  readonly streams = new Set<AssignmentStream>();
  private expiry: Cancel | undefined;

  constructor(
    readonly nodeId: string,
    private readonly clock: Clock,
  ) {}

  /** (Re-)arms the heartbeat timer. */
  expect(withinMs: number, onSilence: () => void): void {
    this.expiry?.();
    this.expiry = this.clock.after(withinMs, onSilence);
  }

  /** A new session; streams of the old one end. */
  begin(sessionId: string): void {
    this.ended.abort();
    this.ended = new AbortController();
    this.sessionId = sessionId;
  }

  end(): void {
    this.expiry?.();
    this.expiry = undefined;
    this.sessionId = '';
    this.ended.abort();
  }

  tell(): void {
    for (const flag of this.news) flag.raise();
  }

  /** Streams are told which objects to look at again, not what became of them. */
  touch(taskId: string): void {
    for (const stream of this.streams) {
      stream.tasks.add(taskId);
      stream.flag.raise();
    }
  }

  touchVolume(volumeId: string): void {
    for (const stream of this.streams) {
      stream.volumes.add(volumeId);
      stream.flag.raise();
    }
  }
}

/** Ids that changed since the stream's last message; bounded by the number of tasks of the node. */
export class AssignmentStream {
  tasks = new Set<string>();
  volumes = new Set<string>();
  readonly flag = new SignalFlag();

  take(): { readonly tasks: ReadonlySet<string>; readonly volumes: ReadonlySet<string> } {
    const taken = { tasks: this.tasks, volumes: this.volumes };
    this.tasks = new Set();
    this.volumes = new Set();
    return taken;
  }
}
