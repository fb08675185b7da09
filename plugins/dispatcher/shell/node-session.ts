import type { Registrations } from '../core/liveness.js';
import { NodeStream } from './node-stream.js';

/** What a stream is for: news of the node itself, or of what is assigned to it. */
export type StreamKind = 'news' | 'assignments';

/** An agent has one of each, and a second one for a moment when it begins again. */
const streamLimit = 4;

/** What the leader keeps in memory of one node: its session and its streams. */
export class NodeSession {
  /** Empty until the node registered with this leader. */
  sessionId = '';
  registrations: Registrations | undefined;
  private readonly streams: Readonly<Record<StreamKind, Set<NodeStream>>> = {
    news: new Set(),
    assignments: new Set(),
  };

  constructor(readonly nodeId: string) {}

  /** A new session; streams of the old one end. */
  begin(sessionId: string): void {
    this.end();
    this.sessionId = sessionId;
  }

  end(): void {
    this.sessionId = '';
    for (const streams of Object.values(this.streams)) for (const stream of streams) stream.end();
  }

  /** One too many ends the oldest, which its reader has left behind without a word. */
  open(kind: StreamKind, call: AbortSignal): NodeStream {
    const streams = this.streams[kind];
    for (const oldest of streams) {
      if (streams.size < streamLimit) break;
      streams.delete(oldest);
      oldest.end();
    }
    const stream = new NodeStream(call);
    streams.add(stream);
    return stream;
  }

  close(kind: StreamKind, stream: NodeStream): void {
    this.streams[kind].delete(stream);
  }

  of(kind: StreamKind): Iterable<NodeStream> {
    return this.streams[kind];
  }
}
