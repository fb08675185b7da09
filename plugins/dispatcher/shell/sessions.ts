import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { countRegistration } from '../core/liveness.js';
import { NodeSession } from './node-session.js';

/** The nodes that this leader knows to be there, or waits for, and the session of each. */
export class Sessions {
  private readonly nodes = new Map<string, NodeSession>();
  private stopped = false;

  constructor(private readonly env: Env) {}

  get all(): Iterable<NodeSession> {
    return this.nodes.values();
  }

  get(nodeId: string): NodeSession | undefined {
    return this.nodes.get(nodeId);
  }

  has(nodeId: string): boolean {
    return (this.nodes.get(nodeId)?.sessionId ?? '') !== '';
  }

  /** The node, which is tracked from now on if it was not. */
  track(nodeId: string): NodeSession {
    let node = this.nodes.get(nodeId);
    if (node === undefined) {
      node = new NodeSession(nodeId);
      this.nodes.set(nodeId, node);
    }
    return node;
  }

  /** Goes on with the session that the agent names, or begins a new one in its place. */
  register(nodeId: string, sessionId: string): NodeSession {
    this.checkRunning();
    const node = this.track(nodeId);
    if (sessionId !== '' && sessionId === node.sessionId) return node;
    const counted = countRegistration(node.registrations, this.env.clock.monotonic());
    if (counted === undefined)
      throw new SwarmError(
        'unavailable',
        'DISPATCHER_RATE',
        `node ${nodeId} exceeded rate limit count of registrations`,
      );
    node.registrations = counted;
    node.begin(this.env.id());
    return node;
  }

  /** The node, if this is its present session. */
  check(nodeId: string, sessionId: string): NodeSession {
    this.checkRunning();
    const node = this.nodes.get(nodeId);
    if (node === undefined)
      throw new SwarmError('not-found', 'DISPATCHER_NOT_REGISTERED', 'node not registered');
    if (sessionId === '' || node.sessionId !== sessionId)
      throw new SwarmError('invalid-argument', 'DISPATCHER_SESSION', 'session invalid');
    return node;
  }

  /** Ends the node's streams and forgets it. */
  drop(nodeId: string): void {
    this.nodes.get(nodeId)?.end();
    this.nodes.delete(nodeId);
  }

  stop(): void {
    this.stopped = true;
    for (const node of this.nodes.values()) node.end();
    this.nodes.clear();
  }

  private checkRunning(): void {
    if (this.stopped)
      throw new SwarmError('aborted', 'DISPATCHER_STOPPED', 'dispatcher is stopped');
  }
}
