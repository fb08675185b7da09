import { createHash } from 'node:crypto';
import { durationToMs } from '@swarmkit/sdk/model/time';
import { CAService, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import {
  AssignmentChange_AssignmentAction,
  type AssignmentsMessage,
  DispatcherService,
  type SessionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  IssuanceStatus_State,
  NodeDescription,
  NodeRole,
  TaskState,
  TaskStatus,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { issuerOf, keyAndCsr } from './csr.js';
import { LightConnection, RefusedCall } from './light-rpc.js';

/**
 * An agent without a machine: it joins by token, keeps a session with heartbeats and assignments, says
 * RUNNING of every task it is given, renews its certificate when told to. Every word of the protocol is
 * real, every refusal is counted.
 */

export interface Counts {
  /** In session now. */
  ready: number;
  /** Calls that were refused. */
  rejected: number;
  /** Sessions that ended and were not ended here. */
  lost: number;
  /** Sessions begun anew here because of another root. */
  reopened: number;
  renewed: number;
  tasks: number;
  readonly errors: Record<string, number>;
}

const unavailable = 14;
const retryMs = 500;

export class LightAgent {
  private rootsPem = '';
  private certificatePem = '';
  private keyPem = '';
  private connection: LightConnection | undefined;
  private sessionId = '';
  private nodeId = '';
  private heartbeat: NodeJS.Timeout | undefined;
  private renewing: Promise<void> | undefined;
  private readonly tasks = new Set<string>();
  private stopped = false;

  constructor(
    private readonly name: string,
    private readonly address: string,
    private readonly token: string,
    private readonly counts: Counts,
  ) {}

  /** As a worker with a join token does, then until `stop`. */
  async join(): Promise<void> {
    await this.again(() => this.fetchRoot());
    await this.again(() => this.firstCertificate());
    await this.again(() => this.begin());
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.heartbeat);
    this.connection?.close();
  }

  /** A new certificate under the session that goes on. */
  renew(): Promise<void> {
    this.renewing ??= this.again(() => this.renewNow()).finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  private async fetchRoot(): Promise<void> {
    const connection = new LightConnection(this.address, { rootsPem: undefined });
    try {
      const { certificate } = await connection.unary(CAService.getRootCaCertificate, {});
      const digest = BigInt(`0x${createHash('sha256').update(certificate).digest('hex')}`);
      const expected = this.token.split('-')[2] ?? '';
      if (digest.toString(36).padStart(50, '0') !== expected)
        throw new RefusedCall(3, 'remote CA does not match fingerprint');
      this.rootsPem = certificate.toString();
    } finally {
      connection.close();
    }
  }

  private async firstCertificate(): Promise<void> {
    const connection = new LightConnection(this.address, { rootsPem: this.rootsPem });
    try {
      await this.certificate(connection, this.token);
    } finally {
      connection.close();
    }
  }

  private async renewNow(): Promise<void> {
    const { rootsPem, certificatePem, keyPem } = this;
    const connection = new LightConnection(this.address, { rootsPem, certificatePem, keyPem });
    try {
      await this.certificate(connection, '');
      this.counts.renewed++;
    } finally {
      connection.close();
    }
  }

  private async certificate(connection: LightConnection, token: string): Promise<void> {
    const { keyPem, csr } = keyAndCsr();
    const { nodeId } = await connection.unary(NodeCAService.issueNodeCertificate, {
      role: NodeRole.WORKER,
      csr,
      token,
      availability: NodeSpec_Availability.ACTIVE,
      expiredCertificate: Buffer.alloc(0),
    });
    for (;;) {
      const { status, certificate } = await connection.unary(NodeCAService.nodeCertificateStatus, {
        nodeId,
      });
      const isIssued =
        status?.state === IssuanceStatus_State.ISSUED ||
        status?.state === IssuanceStatus_State.ROTATE;
      if (isIssued && certificate?.csr.equals(csr)) {
        this.nodeId = nodeId;
        this.keyPem = keyPem;
        this.certificatePem = certificate.certificate.toString();
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  /** Registers; resolves when the manager has answered. */
  private begin(): Promise<void> {
    const { rootsPem, certificatePem, keyPem } = this;
    const connection = new LightConnection(this.address, { rootsPem, certificatePem, keyPem });
    this.connection = connection;
    return new Promise((resolve, reject) => {
      let isRegistered = false;
      const description = NodeDescription.create({
        hostname: this.name,
        platform: { os: 'linux', architecture: 'x86_64' },
        resources: { nanoCpus: 4_000_000_000n, memoryBytes: 8n << 30n },
        engine: { engineVersion: 'light' },
        tlsInfo: { trustRoot: Buffer.from(rootsPem), ...issuerOf(certificatePem, rootsPem) },
      });
      connection.open(
        DispatcherService.session,
        { description, sessionId: this.sessionId },
        (message) => {
          this.sessionId = message.sessionId;
          if (!isRegistered) {
            isRegistered = true;
            this.counts.ready++;
            this.beat(connection);
            this.assignments(connection);
            resolve();
          }
          this.onNews(message);
        },
        (error) => {
          if (isRegistered) this.onLost(connection, error);
          else {
            connection.close();
            reject(error ?? new RefusedCall(unavailable, 'the session ended at once'));
          }
        },
      );
    });
  }

  private onLost(connection: LightConnection, error: RefusedCall | undefined): void {
    this.counts.ready--;
    clearTimeout(this.heartbeat);
    connection.close();
    if (this.stopped) return;
    if (this.connection === connection) {
      this.counts.lost++;
      this.note(`session lost: ${error?.message ?? 'in order'}`);
    }
    void this.again(() => this.begin());
  }

  /** Ends the session and begins another one: the roots are others. */
  private reopen(): void {
    this.counts.reopened++;
    const { connection } = this;
    this.connection = undefined;
    connection?.close();
  }

  private beat(connection: LightConnection): void {
    connection.unary(DispatcherService.heartbeat, { sessionId: this.sessionId }).then(
      ({ period }) => {
        if (this.connection !== connection) return;
        this.heartbeat = setTimeout(() => this.beat(connection), durationToMs(period) ?? 5_000);
      },
      (error: Error) => {
        if (this.connection !== connection || this.stopped) return;
        this.refused(error);
        connection.close();
      },
    );
  }

  private assignments(connection: LightConnection): void {
    connection.open(
      DispatcherService.assignments,
      { sessionId: this.sessionId },
      (message) => this.onAssignments(connection, message),
      () => undefined,
    );
  }

  private onAssignments(connection: LightConnection, message: AssignmentsMessage): void {
    const reports: { readonly taskId: string; readonly status: TaskStatus }[] = [];
    for (const { action, assignment } of message.changes) {
      if (assignment?.item?.$case !== 'task') continue;
      const task = assignment.item.value;
      if (action === AssignmentChange_AssignmentAction.REMOVE) this.tasks.delete(task.id);
      else {
        if (!this.tasks.has(task.id)) this.counts.tasks++;
        this.tasks.add(task.id);
        reports.push({ taskId: task.id, status: statusOf(task) });
      }
    }
    if (reports.length > 0)
      connection
        .unary(DispatcherService.updateTaskStatus, {
          sessionId: this.sessionId,
          updates: reports,
        })
        .catch((error: Error) => {
          if (this.connection === connection) this.refused(error);
        });
  }

  private onNews({ node, RootCA }: SessionMessage): void {
    const roots = RootCA.toString();
    const isOtherRoot = roots !== '' && roots !== this.rootsPem;
    if (isOtherRoot) this.rootsPem = roots;
    const isToRenew =
      node?.id === this.nodeId && node.certificate?.status?.state === IssuanceStatus_State.ROTATE;
    // As real agents do: another root or issuer is another description, and that is another session.
    if (isToRenew) void this.renew().then(() => this.reopen());
    else if (isOtherRoot) this.reopen();
  }

  private async again(work: () => Promise<void>): Promise<void> {
    while (!this.stopped) {
      try {
        await work();
        return;
      } catch (error) {
        if (this.stopped) return;
        this.refused(error as Error);
        await new Promise((resolve) => setTimeout(resolve, retryMs * (0.5 + Math.random())));
      }
    }
  }

  private refused(error: Error): void {
    this.counts.rejected++;
    this.note(error.message);
  }

  private note(text: string): void {
    const { errors } = this.counts;
    errors[text] = (errors[text] ?? 0) + 1;
  }
}

const statusOf = (task: Task): TaskStatus =>
  TaskStatus.create({
    state: task.desiredState >= TaskState.SHUTDOWN ? TaskState.SHUTDOWN : TaskState.RUNNING,
    message: 'light',
  });
