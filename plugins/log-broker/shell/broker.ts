import type { Call } from '@swarmkit/sdk/contracts/rpc';
import type { Commit, Store } from '@swarmkit/sdk/contracts/store';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { type Kind, SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  type LogSelector,
  LogSubscriptionOptions,
  type PublishLogsMessage,
  PublishLogsResponse,
  type SubscribeLogsMessage,
  type SubscribeLogsRequest,
  type SubscriptionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { isEmpty, select } from '../core/selection.js';
import { Listener } from './listener.js';
import { Subscription } from './subscription.js';

/**
 * Brings readers and nodes together: a reader subscribes, the nodes that have something are told, and
 * what they publish goes through. Lives while this manager leads; a reader begins anew with the next
 * leader, and so do the nodes.
 */
export class LogBroker {
  private readonly subscriptions = new Map<string, Subscription>();
  /** Open ListenSubscriptions calls, by node. */
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(
    private readonly store: Store,
    private readonly env: Env,
  ) {}

  /** New tasks of what is followed may be on nodes that were not asked yet. */
  onCommit(commit: Commit): void {
    if (this.subscriptions.size === 0) return;
    const moved = commit.changes.some(
      ({ kind, object, old }) =>
        kind === 'task' && object.nodeId !== '' && old?.nodeId !== object.nodeId,
    );
    if (!moved) return;
    for (const subscription of this.subscriptions.values())
      if (subscription.follows) this.askNodes(subscription);
  }

  async subscribe(
    request: SubscribeLogsRequest,
    call: Call,
    send: (message: SubscribeLogsMessage) => Promise<void>,
  ): Promise<void> {
    const { selector } = request;
    if (selector === undefined) throw refusal('invalid-argument', 'log selector must be provided');
    if (isEmpty(selector)) throw refusal('invalid-argument', 'log selector must not be empty');
    const options = request.options ?? LogSubscriptionOptions.create();
    const subscription = new Subscription(this.env.id(), selector, options, send);
    this.subscriptions.set(subscription.id, subscription);
    try {
      for (const id of this.askNodes(subscription))
        subscription.complain(`task ${id} has not been scheduled`);
      subscription.settleWhenDone();
      await Promise.race([subscription.finished, aborted(call.signal)]);
    } finally {
      this.subscriptions.delete(subscription.id);
      for (const node of subscription.askedNodes) this.tell(node, subscription.message(true));
    }
    const shortfall = subscription.shortfall();
    if (shortfall !== undefined && !call.signal.aborted) throw shortfall;
  }

  /** What this node has to publish: everything that is asked of it now, then what comes. */
  async listen(call: Call, send: (message: SubscriptionMessage) => Promise<void>): Promise<void> {
    const { nodeId } = call.peer;
    const listener = new Listener();
    const all = this.listeners.get(nodeId) ?? new Set();
    this.listeners.set(nodeId, all.add(listener));
    for (const subscription of this.subscriptions.values())
      if (subscription.waitsFor(nodeId) || this.concerns(subscription, nodeId)) {
        subscription.ask(nodeId);
        listener.put(subscription.message(false));
      }
    try {
      await listener.pass(send, call.signal);
    } finally {
      all.delete(listener);
      if (all.size === 0) {
        this.listeners.delete(nodeId);
        for (const subscription of this.subscriptions.values())
          if (!subscription.follows && subscription.waitsFor(nodeId))
            subscription.done(nodeId, `node ${nodeId} disconnected unexpectedly`);
      }
    }
  }

  async publish(
    requests: AsyncIterable<PublishLogsMessage>,
    call: Call,
  ): Promise<PublishLogsResponse> {
    const { nodeId } = call.peer;
    let subscription: Subscription | undefined;
    let closed = false;
    try {
      for await (const { subscriptionId, messages, close } of requests) {
        if (subscriptionId === '') throw refusal('invalid-argument', 'missing subscription ID');
        if (subscription !== undefined && subscription.id !== subscriptionId)
          throw refusal('invalid-argument', 'different subscription IDs in the same session');
        subscription = this.subscriptions.get(subscriptionId);
        if (subscription === undefined) throw refusal('not-found', 'unknown subscription ID');
        for (const { context } of messages)
          if (context?.nodeId !== nodeId)
            throw refusal(
              'permission-denied',
              `invalid NodeID: expected=${nodeId};received=${context?.nodeId ?? ''}`,
            );
        if (close) {
          closed = true;
          break;
        }
        if (messages.length > 0) await subscription.publish(messages);
      }
    } finally {
      if (subscription?.hasAsked(nodeId))
        subscription.done(nodeId, closed ? undefined : `node ${nodeId} disconnected unexpectedly`);
    }
    return PublishLogsResponse.create();
  }

  /** Asks nodes that were not asked before; the selected tasks that are nowhere yet are returned. */
  private askNodes(subscription: Subscription): readonly string[] {
    const { nodes, unplaced } = this.selection(subscription);
    for (const node of nodes) {
      if (!subscription.ask(node)) continue;
      if (!this.tell(node, subscription.message(false)) && !subscription.follows)
        subscription.done(node, `node ${node} is not available`);
    }
    return subscription.follows ? [] : unplaced;
  }

  private concerns(subscription: Subscription, nodeId: string): boolean {
    return subscription.follows && this.selection(subscription).nodes.has(nodeId);
  }

  private selection({ selector, follows }: { selector: LogSelector; follows: boolean }) {
    return select(this.store.view(), selector, follows);
  }

  /** False when the node does not listen. */
  private tell(nodeId: string, message: SubscriptionMessage): boolean {
    const listeners = this.listeners.get(nodeId);
    for (const listener of listeners ?? []) listener.put(message);
    return listeners !== undefined;
  }
}

const refusal = (kind: Kind, text: string): SwarmError =>
  new SwarmError(kind, 'BROKER_REFUSED', text);

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
