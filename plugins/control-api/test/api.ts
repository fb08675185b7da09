/** A Control service over a fake store, and a way to ask for a refusal by kind and text. */
import assert from 'node:assert/strict';
import type { AdmissionHook } from '@swarmkit/sdk/contracts/admission';
import type { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import type { Consensus, Member } from '@swarmkit/sdk/contracts/consensus';
import type { ExternalAuthority } from '@swarmkit/sdk/contracts/external-authority';
import { isSwarmError, type Kind } from '@swarmkit/sdk/plugin/errors';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import * as wire from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { controlHandlers } from '../shell/control-api.js';

type Methods = typeof wire.ControlService;
type Request<M extends keyof Methods> = ReturnType<Methods[M]['requestDeserialize']>;
type Response<M extends keyof Methods> = Parameters<Methods[M]['responseSerialize']>[0];

export interface ApiOptions {
  readonly members?: readonly Partial<Member>[];
  readonly leaderId?: bigint;
  /** Members without whom there would be no majority. */
  readonly indispensable?: readonly bigint[];
  readonly hooks?: readonly AdmissionHook[];
  readonly authority?: CertificateAuthority;
  readonly external?: ExternalAuthority;
  readonly maxTasks?: number;
}

export class Api {
  readonly store = new FakeStore();
  readonly env = new VirtualEnv('api');
  private readonly handlers: Readonly<Record<string, { unary: (request: unknown) => unknown }>>;

  constructor({
    members,
    leaderId = 1n,
    indispensable = [],
    hooks = [],
    authority,
    external,
    maxTasks = 1_000_000,
  }: ApiOptions = {}) {
    const consensus = {
      members: () =>
        (members ?? []).map((member) => ({
          raftId: 1n,
          nodeId: '',
          address: '127.0.0.1:4242',
          reachable: true,
          votes: true,
          ...member,
        })),
      leadership: () => ({ term: 1n, leading: true, leaderId }),
    } as unknown as Consensus;
    this.handlers = controlHandlers({
      store: this.store,
      env: this.env,
      consensus: members === undefined ? undefined : consensus,
      group: { canRemove: (raftId) => !indispensable.includes(raftId) },
      hooks: () => hooks,
      maxTasks,
      authority,
      external,
    }) as never;
    this.store.seed({ cluster: [aCluster({ id: 'cluster' })] });
  }

  handles(method: keyof Methods): boolean {
    return this.handlers[method] !== undefined;
  }

  /** Through the wire, both ways, as a client's call goes. */
  async call<M extends keyof Methods>(
    method: M,
    request: Partially<Request<M>>,
  ): Promise<Response<M>> {
    const definition = wire.ControlService[method] as unknown as {
      requestSerialize(message: unknown): Buffer;
      requestDeserialize(bytes: Buffer): unknown;
      responseSerialize(message: unknown): Buffer;
      responseDeserialize(bytes: Buffer): unknown;
    };
    const name = `${method.charAt(0).toUpperCase()}${method.slice(1)}Request`;
    const { fromPartial } = (wire as never)[name] as { fromPartial(partial: unknown): unknown };
    const bytes = definition.requestSerialize(fromPartial(request));
    const handler = this.handlers[method];
    assert.ok(handler !== undefined, `${method} has no handler`);
    const answer = await handler.unary(definition.requestDeserialize(bytes));
    return definition.responseDeserialize(definition.responseSerialize(answer)) as Response<M>;
  }

  async refused<M extends keyof Methods>(
    method: M,
    request: Partially<Request<M>>,
    kind: Kind,
    text: string,
  ): Promise<void> {
    const error = await this.call(method, request).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(isSwarmError(error), `${method} was not refused: ${String(error)}`);
    assert.deepEqual([error.kind, error.message], [kind, text]);
  }
}

/** A replicated service of busybox that the API accepts, with overrides by top-level field. */
export const aSpec = (overrides: Partially<ServiceSpec> = {}): ServiceSpec =>
  ServiceSpec.fromPartial({
    annotations: { name: 'web', labels: {} },
    task: { runtime: { $case: 'container', value: { image: 'busybox' } } },
    mode: { $case: 'replicated', value: { replicas: 1n } },
    ...overrides,
  } as never);
