/**
 * Carries the plan out, one step after the other, again at every change and every 5 s while something is
 * left to do. What fails is looked at again: the next step begins with what is true then.
 */
import type { Consensus } from '@swarmkit/sdk/contracts/consensus';
import type { Membership } from '@swarmkit/sdk/contracts/membership';
import type { Store, Writer } from '@swarmkit/sdk/contracts/store';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isInvariantError, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { planRoles, type RolePlan } from '../core/plan.js';

/** SwarmKit's. */
const RETRY_MS = 5_000;

export interface RoleLoopParts {
  readonly store: Store;
  readonly consensus: Pick<Consensus, 'raftId'>;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: Logger;
}

export class RoleLoop {
  private readonly writer: Writer = { id: 'role-manager', writes: ['node.role'] };
  private wake: () => void = () => {};
  private isDirty = true;
  private lastHeld = '';

  constructor(private readonly parts: RoleLoopParts) {}

  /** Something that roles depend on may have changed. */
  look(): void {
    this.isDirty = true;
    this.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.isDirty = false;
      let isDone = false;
      try {
        isDone = await this.step();
      } catch (error) {
        if (isInvariantError(error)) throw error;
        if (!signal.aborted)
          this.parts.log.warn(`a role is not what it should be yet: ${messageOf(error)}`);
      }
      if (!this.isDirty) await this.rest(isDone, signal);
    }
  }

  /** One step. True when nothing is left to do. */
  private async step(): Promise<boolean> {
    const { membership, log } = this.parts;
    const plan = this.plan();
    this.tellHeld(plan);
    if (plan.roles.length > 0) {
      await this.write(plan.roles);
      this.isDirty = true;
      return false;
    }
    if (plan.remove !== undefined) {
      log.info(
        { node: plan.remove.nodeId },
        'a manager leaves the group, as it is no manager any more',
      );
      await membership.remove(plan.remove.raftId);
      this.isDirty = true;
      return false;
    }
    if (plan.handOver) {
      log.info('this manager is to be a worker: it hands the leadership over');
      await membership.transferLeadership();
      return false;
    }
    return plan.held.length === 0;
  }

  private plan(): RolePlan {
    const { store, consensus, membership } = this.parts;
    const view = store.head();
    return planRoles({
      nodes: view.find('node', { by: 'all' }),
      members: membership.members(),
      ownRaftId: consensus.raftId,
      canRemove: (raftId) => membership.canRemove(raftId),
    });
  }

  private async write(roles: RolePlan['roles']): Promise<void> {
    const { store, log } = this.parts;
    await store.update(this.writer, (draft) => {
      for (const { nodeId, role } of roles) {
        const node = draft.get('node', nodeId);
        // What was wanted may be another thing by now; the next step sees it.
        if (node !== undefined && node.role !== role) draft.update('node', { ...node, role });
      }
    });
    for (const { nodeId, role } of roles)
      log.info(
        { node: nodeId, role: role === NodeRole.MANAGER ? 'manager' : 'worker' },
        'a node has another role',
      );
  }

  private tellHeld({ held }: RolePlan): void {
    const names = held.map(({ nodeId }) => nodeId).join(', ');
    if (names !== '' && names !== this.lastHeld)
      this.parts.log.warn(
        { nodes: names },
        'managers that should leave the group stay, because the rest that can be reached would be no majority',
      );
    this.lastHeld = names;
  }

  /** Until something changes; while something is left to do, 5 s at most. */
  private async rest(isDone: boolean, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.wake = wake;
    signal.addEventListener('abort', wake, { once: true });
    if (signal.aborted) wake();
    await (isDone ? aborted(woken.signal) : delay(this.parts.clock, RETRY_MS, woken.signal));
    signal.removeEventListener('abort', wake);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
