import { isGlobal, isJob } from '@swarmkit/sdk/model/task';
import { isRetryable, SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  GetServiceRequest,
  ListNodesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { UpdateStatus_UpdateState as Update } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Session } from '../session.js';
import { type Cluster, type Convergence, convergence } from './convergence.js';
import { type ProgressView, progressView, silent } from './view.js';

/**
 * Watches a service until it has converged. It only looks: what it waits for goes on without it.
 */

const pollMs = 200;
/** So long must tasks have run before they count: a command that fails at once is none that works. */
const holdMs = 1_000;
/** So long may nobody work on an unfilled slot: the orchestrator makes a new task within one turn. */
const abandonedMs = 3_000;
/** So long may the manager be away: as long as it takes to restart one, or to elect another. */
const absenceMs = 15_000;

export interface WatchOptions {
  /** No progress, just the end. */
  readonly quiet?: boolean | undefined;
  /** A rollback was asked for, so that ending with one is no failure. */
  readonly isRollback?: boolean | undefined;
}

/** Resolves when converged. Throws a SwarmError when it is not going to, and on Ctrl-C (cancelled). */
export async function watchService(
  session: Session,
  service: Service,
  options: WatchOptions,
): Promise<void> {
  const { io } = session;
  const isOfJob = isJob(service);
  const isShown = !session.json && options.quiet !== true;
  const view = isShown ? progressView(io, isOfJob ? 'tasks completed' : 'tasks running') : silent;
  const interrupt = new AbortController();
  const stopListening = io.onInterrupt(() => interrupt.abort());
  const looker = new Looker(session, service.id, view, interrupt.signal);
  const converged = new Span(() => io.monotonic());
  const abandoned = new Span(() => io.monotonic());
  try {
    for (;;) {
      const cluster = await looker.look();
      const state = convergence(cluster);
      view.show(state);
      refuseFailure(cluster.service, options);
      if (!state.isDone) converged.end();
      else if (state.running === 0 || isOfJob || converged.lasts() >= holdMs) {
        view.note(isOfJob ? 'Job complete' : convergedText(cluster.service, state));
        return;
      }
      if (state.abandoned === 0) abandoned.end();
      else if (abandoned.lasts() >= abandonedMs) throw givenUp(service, state);
      await looker.rest();
    }
  } finally {
    view.end();
    stopListening();
  }
}

/** Looks at the cluster again and again, also past a restart of the manager, until it is interrupted. */
class Looker {
  private readonly absent: Span;
  private tookMs = 0;

  constructor(
    private readonly session: Session,
    private readonly serviceId: string,
    private readonly view: ProgressView,
    private readonly signal: AbortSignal,
  ) {
    this.absent = new Span(() => session.io.monotonic());
  }

  async look(): Promise<Cluster> {
    for (;;) {
      const startedAt = this.session.io.monotonic();
      try {
        const cluster = await this.ask();
        this.absent.end();
        this.tookMs = this.session.io.monotonic() - startedAt;
        return cluster;
      } catch (error) {
        if (this.signal.aborted) throw interrupted(this.serviceId);
        const goneMs = this.absent.lasts();
        if (!isRetryable(error) || goneMs > absenceMs) throw error;
        if (goneMs === 0) this.view.note('The manager does not answer; waiting for it');
        await this.rest();
      }
    }
  }

  /** Looking must not be what keeps the manager busy. */
  async rest(): Promise<void> {
    await this.session.io.sleep(Math.max(pollMs, 4 * this.tookMs), this.signal);
    if (this.signal.aborted) throw interrupted(this.serviceId);
  }

  private async ask(): Promise<Cluster> {
    const { control } = this.session;
    const options = { signal: this.signal };
    const serviceIds = [this.serviceId];
    const [{ service }, { tasks }, { nodes }] = await Promise.all([
      control.getService(GetServiceRequest.create({ serviceId: this.serviceId }), options),
      control.listTasks(ListTasksRequest.fromPartial({ filters: { serviceIds } }), options),
      control.listNodes(ListNodesRequest.create(), options),
    ]);
    if (service === undefined)
      throw new SwarmError('not-found', 'CTL_NOT_FOUND', `service ${this.serviceId} is gone`);
    return { service, tasks, nodes };
  }
}

/** How long something has been so, without a break. */
class Span {
  private since: number | undefined;

  constructor(private readonly now: () => number) {}

  /** It is so now. Answers for how long, ms. */
  lasts(): number {
    const now = this.now();
    this.since ??= now;
    return now - this.since;
  }

  end(): void {
    this.since = undefined;
  }
}

const convergedText = (service: Service, { wanted }: Convergence): string =>
  isGlobal(service) && wanted === 0
    ? 'Service converged: no node may take its tasks now'
    : 'Service converged';

function refuseFailure({ updateStatus, spec }: Service, { isRollback }: WatchOptions): void {
  const name = spec?.annotations?.name ?? '';
  switch (updateStatus?.state) {
    case Update.PAUSED:
    case Update.ROLLBACK_PAUSED:
      throw new SwarmError(
        'failed-precondition',
        'CTL_UPDATE_PAUSED',
        `service ${name}: ${updateStatus.message}; correct it with swarmctl service update ${name}, or go back with --rollback`,
      );
    case Update.ROLLBACK_COMPLETED:
      if (isRollback) return;
      throw new SwarmError(
        'failed-precondition',
        'CTL_ROLLED_BACK',
        `service ${name}: the update failed and the former specification is in force again; swarmctl task ls ${name} --all shows why`,
      );
  }
}

const givenUp = ({ spec }: Service, { running, wanted, reason }: Convergence): SwarmError => {
  const name = spec?.annotations?.name ?? '';
  return new SwarmError(
    'failed-precondition',
    'CTL_GIVEN_UP',
    `service ${name} has ${running} of ${wanted} tasks and no more are being started: its restart policy gives up${reason === '' ? '' : ` (${reason})`}; swarmctl task ls ${name} --all shows what ended`,
  );
};

const interrupted = (id: string): SwarmError =>
  new SwarmError(
    'cancelled',
    'CTL_INTERRUPTED',
    `no longer watching; the service goes on by itself, look at it with swarmctl service inspect ${id}`,
  );
