import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { durationFromMs, timestampFromMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNetwork, aNode, aService, aTaskOf, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { UpdateServiceRequest_Rollback } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { type Service, Config, Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState, UpdateStatus_UpdateState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Api, aSpec } from './api.js';

const { PREVIOUS } = UpdateServiceRequest_Rollback;

let api: Api;
beforeEach(() => {
  api = new Api();
});

async function created(overrides: Partially<ServiceSpec> = {}): Promise<Service> {
  const { service } = await api.call('createService', { spec: aSpec(overrides) });
  assert.ok(service !== undefined);
  return service;
}

const version = (service: Service) => service.meta?.version;

/** Updates the service as it is now, at its present version. */
async function updated(
  serviceId: string,
  spec: ServiceSpec,
  rollback = UpdateServiceRequest_Rollback.NONE,
): Promise<Service> {
  const { service: now } = await api.call('getService', { serviceId });
  const { service } = await api.call('updateService', {
    serviceId,
    serviceVersion: now?.meta?.version,
    spec,
    rollback,
  });
  assert.ok(service !== undefined);
  return service;
}

const ports = (...list: [published: number, mode?: number, protocol?: number][]) => ({
  endpoint: {
    ports: list.map(([publishedPort, publishMode = 0, protocol = 0]) => ({
      publishedPort,
      publishMode,
      protocol,
      targetPort: 80,
    })),
  },
});

const withIngress = () =>
  api.store.seed({
    network: [
      aNetwork({ id: 'ingress', spec: { ingress: true, annotations: { name: 'ingress' } } }),
    ],
  });

// Create

test('create: the service is stored with an id, its spec and spec version 0', async () => {
  const service = await created();
  assert.match(service.id, /^[0-9a-z]{25}$/);
  assert.deepEqual(service.spec, aSpec());
  assert.deepEqual(service.specVersion, { index: 0n });
  assert.equal(service.jobStatus, undefined);
  assert.notEqual(version(service), undefined);
  assert.deepEqual((await api.call('getService', { serviceId: service.id })).service, service);
});

test('create: an invalid spec is refused and nothing is stored', async () => {
  await api.refused('createService', {}, 'invalid-argument', 'invalid argument');
  assert.equal(api.store.view().count('service'), 0);
});

test('create: a taken name, in any case', async () => {
  await created();
  await api.refused(
    'createService',
    { spec: aSpec({ annotations: { name: 'WEB' } }) },
    'already-exists',
    'name conflicts with an existing object: service WEB already exists',
  );
});

test('a count of tasks that no manager could hold is refused, also in sum; what does not grow may change', async () => {
  api = new Api({ maxTasks: 100 });
  const replicas = (count: bigint) => ({
    mode: { $case: 'replicated' as const, value: { replicas: count } },
  });
  const refusal = (wanted: number): string =>
    `all services together would want ${wanted} tasks, and this cluster is set up for at most 100 (control-api.maxTasks)`;
  const refused = (spec: ReturnType<typeof aSpec>, wanted: number) =>
    api.refused('createService', { spec }, 'invalid-argument', refusal(wanted));
  await refused(aSpec(replicas(101n)), 101);
  const service = await created(replicas(60n));
  const named = (name: string) => ({ annotations: { name } });
  await refused(aSpec({ ...named('second'), ...replicas(41n) }), 101);
  const value = { maxConcurrent: 1n, totalCompletions: 50n };
  const mode = { $case: 'replicatedJob' as const, value };
  await refused(aSpec({ ...named('job'), mode }), 110);
  await created({ ...named('everywhere'), mode: { $case: 'global', value: {} } });
  const request = { serviceId: service.id, serviceVersion: version(service) };
  await api.refused(
    'updateService',
    { ...request, spec: aSpec(replicas(200n)) },
    'invalid-argument',
    refusal(200),
  );
  api.store.seed({ service: [{ ...service, spec: aSpec(replicas(1_000n)) }] });
  await api.call('updateService', { ...request, spec: aSpec(replicas(900n)) });
});

test('create: a job begins with iteration 0', async () => {
  const job = {
    $case: 'replicatedJob' as const,
    value: { maxConcurrent: 1n, totalCompletions: 1n },
  };
  const service = await created({ mode: job });
  assert.deepEqual(service.jobStatus, {
    jobIteration: { index: 0n },
    lastExecution: timestampFromMs(api.env.clock.now()),
  });
});

test('create: publishing a port in ingress mode needs the ingress network', async () => {
  const publishing = aSpec(ports([8080]));
  await api.refused(
    'createService',
    { spec: publishing },
    'failed-precondition',
    'service needs ingress network, but no ingress network is present',
  );
  withIngress();
  await created(ports([8080]));
});

test('create: host ports need no ingress network', async () => {
  await created(ports([8080, 1]));
});

test('create: the ingress network cannot be named', async () => {
  withIngress();
  const networks = [{ target: 'ingress' }];
  const text = 'Service cannot be explicitly attached to the ingress network "ingress"';
  const inTask = aSpec({ task: { ...aSpec().task, networks } as Partially<ServiceSpec>['task'] });
  await api.refused('createService', { spec: inTask }, 'invalid-argument', text);
  await api.refused('createService', { spec: aSpec({ networks }) }, 'invalid-argument', text);
});

test('create: unknown networks are accepted', async () => {
  await created({ networks: [{ target: 'nowhere' }] });
});

test('create: ports that clash with another service', async () => {
  withIngress();
  await created(ports([80], [81, 1], [0], [82, 0, 1]));
  const { id = '' } = api.store.view().find('service', { by: 'all' })[0] ?? {};
  const other = { annotations: { name: 'other' } };
  const refused = (port: number, mode: number, how: string) =>
    api.refused(
      'createService',
      { spec: aSpec({ ...other, ...ports([port, mode]) }) },
      'invalid-argument',
      `port '${port}' is already in use by service 'web' (${id}) as ${how}`,
    );
  await refused(80, 0, 'an ingress port');
  await refused(80, 1, 'an ingress port');
  await refused(81, 0, 'a host-published port');
  await created({ ...other, ...ports([81, 1], [82], [0], [80, 0, 1]) });
});

test('create: ports that another service got from the allocator', async () => {
  withIngress();
  const spec = { ports: [{ targetPort: 80 }] };
  const held = { ports: [{ targetPort: 80, publishedPort: 30_000 }] };
  api.store.seed({ service: [aService({ id: 's', spec: { endpoint: spec }, endpoint: held })] });
  await api.refused(
    'createService',
    { spec: aSpec(ports([30_000])) },
    'invalid-argument',
    "port '30000' is already in use by service 's' (s) as an ingress port",
  );
});

const referring = (secrets: readonly string[], configs: readonly string[]): ServiceSpec =>
  aSpec({
    task: {
      runtime: {
        $case: 'container',
        value: {
          image: 'busybox',
          secrets: secrets.map((name) => ({
            secretId: `id-${name}`,
            secretName: name,
            target: { $case: 'file', value: { name } },
          })),
          configs: configs.map((name) => ({
            configId: `id-${name}`,
            configName: name,
            target: { $case: 'file', value: { name } },
          })),
        },
      },
    },
  });

test('create: secrets and configs must exist', async () => {
  const refused = (spec: ServiceSpec, text: string) =>
    api.refused('createService', { spec }, 'invalid-argument', text);
  await refused(referring(['a'], []), 'secret not found: a');
  await refused(referring(['a', 'b'], ['c']), 'secrets not found: a, b');
  await refused(referring([], ['c', 'd']), 'configs not found: c, d');
  api.store.seed({
    secret: [Secret.create({ id: 'id-a' })],
    config: [Config.create({ id: 'id-c' })],
  });
  const { service } = await api.call('createService', { spec: referring(['a'], ['c']) });
  assert.ok(service);
});

test('create: admission hooks see the service in order, change it, or refuse it', async () => {
  const seen: string[] = [];
  const hook = (id: string, refuse = false) => ({
    id,
    admit: (request: { action: string; object: { id: string } }) => {
      seen.push(`${id} ${request.action}`);
      if (refuse) throw new SwarmError('permission-denied', 'TEST', `${id} says no`);
      const service = request.object as Service;
      const name = `${service.spec?.annotations?.name}-${id}`;
      return { ...service, spec: aSpec({ annotations: { name } }) };
    },
  });
  api = new Api({ hooks: [hook('two'), hook('one')] as never });
  const service = await created();
  assert.equal(service.spec?.annotations?.name, 'web-one-two');
  api = new Api({ hooks: [hook('three', true)] as never });
  await api.refused('createService', { spec: aSpec() }, 'permission-denied', 'three says no');
  assert.deepEqual(seen, ['one create', 'two create', 'three create']);
  assert.equal(api.store.commits.length, 0);
});

// Update

test('update: the old spec becomes the previous one, the request’s version the spec’s', async () => {
  const first = await created();
  const spec = aSpec({ mode: { $case: 'replicated', value: { replicas: 5n } } });
  const second = await updated(first.id, spec);
  assert.deepEqual(second.spec, spec);
  assert.deepEqual(second.specVersion, version(first));
  assert.deepEqual(second.previousSpec, first.spec);
  assert.deepEqual(second.previousSpecVersion, first.specVersion);
  assert.equal(second.updateStatus, undefined);
  assert.ok((version(second)?.index ?? 0n) > (version(first)?.index ?? 0n));
});

test('update: takes a pause away', async () => {
  const service = await created();
  const paused = {
    state: UpdateStatus_UpdateState.PAUSED,
    message: '',
    startedAt: undefined,
    completedAt: undefined,
  };
  api.store.seed({ service: [{ ...service, updateStatus: paused }] });
  assert.equal((await updated(service.id, aSpec())).updateStatus, undefined);
});

test('update: with an old version it is out of sequence', async () => {
  const service = await created();
  await updated(service.id, aSpec());
  await api.refused(
    'updateService',
    { serviceId: service.id, serviceVersion: version(service), spec: aSpec() },
    'unknown',
    'update out of sequence',
  );
});

test('update: id, version and spec are needed', async () => {
  const { id, meta } = await created();
  const whole = { serviceId: id, serviceVersion: meta?.version, spec: aSpec() };
  for (const missing of [{ serviceId: '' }, { serviceVersion: undefined }, { spec: undefined }])
    await api.refused(
      'updateService',
      { ...whole, ...missing },
      'invalid-argument',
      'invalid argument',
    );
  await api.refused(
    'updateService',
    { ...whole, serviceId: 'nothing' },
    'not-found',
    'service nothing not found',
  );
});

test('update: name and mode stay', async () => {
  const service = await created();
  const refused = (spec: ServiceSpec, text: string) =>
    api.refused(
      'updateService',
      { serviceId: service.id, serviceVersion: version(service), spec },
      'unimplemented',
      text,
    );
  await refused(aSpec({ annotations: { name: 'other' } }), 'renaming services is not supported');
  const global = { $case: 'global' as const, value: {} };
  await refused(aSpec({ mode: global }), 'service mode change is not allowed');
  await refused(
    aSpec({ mode: global, annotations: { name: 'other' } }),
    'service mode change is not allowed',
  );
  await refused(
    aSpec({ networks: [{ target: 'n' }] }),
    'networks must be migrated to TaskSpec before being changed',
  );
});

test('update: networks may move into the task', async () => {
  const service = await created({ networks: [{ target: 'n' }] });
  const networks = [{ target: 'n' }];
  const task = { ...aSpec().task, networks } as Partially<ServiceSpec>['task'];
  assert.deepEqual((await updated(service.id, aSpec({ task }))).spec?.networks, []);
});

test('update: a service does not clash with its own ports', async () => {
  withIngress();
  const service = await created(ports([80]));
  await updated(service.id, aSpec(ports([80], [81])));
  await created({ annotations: { name: 'other' }, ...ports([90]) });
  const [own] = api.store.view().find('service', { by: 'name', value: 'web' });
  await api.refused(
    'updateService',
    { serviceId: service.id, serviceVersion: own?.meta?.version, spec: aSpec(ports([90])) },
    'invalid-argument',
    `port '90' is already in use by service 'other' (${api.store.view().find('service', { by: 'name', value: 'other' })[0]?.id}) as an ingress port`,
  );
});

test('update: publishing needs the ingress network here too', async () => {
  const service = await created();
  await api.refused(
    'updateService',
    { serviceId: service.id, serviceVersion: version(service), spec: aSpec(ports([80])) },
    'failed-precondition',
    'service needs ingress network, but no ingress network is present',
  );
});

test('update: every update is another iteration of a job', async () => {
  const globalJob = { $case: 'globalJob' as const, value: {} };
  const service = await created({ mode: globalJob });
  await api.env.clock.advance(1000);
  const again = await updated(service.id, aSpec({ mode: globalJob }));
  assert.deepEqual(again.jobStatus, {
    jobIteration: { index: 1n },
    lastExecution: timestampFromMs(api.env.clock.now()),
  });
});

test('rollback: both specs and versions change places, and back again', async () => {
  const first = await created();
  const five = aSpec({ mode: { $case: 'replicated', value: { replicas: 5n } } });
  const second = await updated(first.id, five);
  const third = await updated(first.id, five, PREVIOUS);
  assert.deepEqual(third.spec, first.spec);
  assert.deepEqual(third.specVersion, first.specVersion);
  assert.deepEqual(third.previousSpec, second.spec);
  assert.deepEqual(third.previousSpecVersion, second.specVersion);
  assert.deepEqual(third.updateStatus, {
    state: UpdateStatus_UpdateState.ROLLBACK_STARTED,
    message: 'manually requested rollback',
    startedAt: timestampFromMs(api.env.clock.now()),
    completedAt: undefined,
  });
  const fourth = await updated(first.id, five, PREVIOUS);
  assert.deepEqual(fourth.spec, second.spec);
});

test('rollback: needs a previous spec, and a valid one in the request', async () => {
  const service = await created();
  const request = { serviceId: service.id, serviceVersion: version(service), rollback: PREVIOUS };
  await api.refused(
    'updateService',
    { ...request, spec: aSpec() },
    'failed-precondition',
    `service ${service.id} does not have a previous spec`,
  );
  await api.refused('updateService', request, 'invalid-argument', 'invalid argument');
});

// Get, List, Remove

test('get: an unknown service, and none at all', async () => {
  await api.refused('getService', { serviceId: 'x' }, 'not-found', 'service x not found');
  await api.refused('getService', {}, 'invalid-argument', 'invalid argument');
});

test('get with defaults: what is absent is filled in, in the answer only', async () => {
  const { id } = await created({ rollback: { parallelism: 7n } });
  const { service } = await api.call('getService', { serviceId: id, insertDefaults: true });
  const spec = service?.spec;
  const container = spec?.task?.runtime?.value as {
    stopGracePeriod: unknown;
    pullOptions: unknown;
    dnsConfig: unknown;
  };
  assert.deepEqual(container.stopGracePeriod, durationFromMs(10_000));
  assert.ok(container.pullOptions !== undefined && container.dnsConfig !== undefined);
  assert.ok(spec?.task?.resources !== undefined && spec.task.placement !== undefined);
  assert.equal(spec.task.restart?.condition, 2);
  assert.deepEqual(spec.task.restart?.delay, durationFromMs(5000));
  assert.equal(spec.update?.parallelism, 1n);
  assert.deepEqual(spec.update?.monitor, durationFromMs(5000));
  assert.equal(spec.rollback?.parallelism, 7n);
  assert.deepEqual(spec.rollback?.monitor, durationFromMs(5000));
  assert.equal((await api.call('getService', { serviceId: id })).service?.spec?.update, undefined);
});

test('get with defaults: a restart policy is taken at its word', async () => {
  const task = { ...aSpec().task, restart: { maxAttempts: 3n } } as Partially<ServiceSpec>['task'];
  const { id } = await created({ task });
  const { service } = await api.call('getService', { serviceId: id, insertDefaults: true });
  assert.equal(service?.spec?.task?.restart?.condition, 0);
  assert.deepEqual(service?.spec?.task?.restart?.delay, durationFromMs(5000));
});

test('remove: the service is gone; again, it is not found', async () => {
  const { id } = await created();
  await api.call('removeService', { serviceId: id });
  await api.refused('removeService', { serviceId: id }, 'not-found', `service ${id} not found`);
  await api.refused('removeService', {}, 'invalid-argument', 'invalid argument');
});

test('list: filters', async () => {
  const labelled = (id: string, name: string, labels: Record<string, string> = {}) =>
    aService({ id, spec: { annotations: { name, labels } } });
  api.store.seed({
    service: [
      labelled('b1', 'web', { tier: 'front', empty: '' }),
      labelled('a1', 'Web-2', { tier: 'back' }),
      aService({
        id: 'a2',
        spec: {
          annotations: { name: 'db' },
          task: { runtime: { $case: 'generic', value: { kind: 'VM' } } },
        },
      }),
    ],
  });
  const list = async (filters: object) =>
    (await api.call('listServices', { filters: filters as never })).services.map(({ id }) => id);
  assert.deepEqual(await list({}), ['a1', 'a2', 'b1']);
  assert.deepEqual(await list({ names: ['web', 'db'] }), ['a2', 'b1']);
  assert.deepEqual(await list({ names: ['WEB'] }), []);
  assert.deepEqual(await list({ namePrefixes: ['we', 'd'] }), ['a2', 'b1']);
  assert.deepEqual(await list({ idPrefixes: ['a'] }), ['a1', 'a2']);
  assert.deepEqual(await list({ idPrefixes: ['a1', 'b'] }), ['a1', 'b1']);
  assert.deepEqual(await list({ labels: { tier: '' } }), ['a1', 'b1']);
  assert.deepEqual(await list({ labels: { tier: 'back' } }), ['a1']);
  assert.deepEqual(await list({ labels: { tier: '', empty: '' } }), ['b1']);
  assert.deepEqual(await list({ labels: { constructor: '' } }), []);
  assert.deepEqual(await list({ runtimes: ['container'] }), ['a1', 'b1']);
  assert.deepEqual(await list({ runtimes: ['vm'] }), ['a2']);
  assert.deepEqual(await list({ names: ['web'], labels: { tier: 'back' } }), []);
});

test('statuses: counts by mode; unknown services have none', async () => {
  const replicated = aService({
    id: 'r',
    spec: { mode: { $case: 'replicated', value: { replicas: 3n } } },
  });
  const global = aService({ id: 'g', spec: { mode: { $case: 'global', value: {} } } });
  const job = aService({
    id: 'j',
    spec: { mode: { $case: 'replicatedJob', value: { maxConcurrent: 2n, totalCompletions: 9n } } },
    jobStatus: { jobIteration: { index: 4n } },
  });
  const ended = { status: { state: TaskState.COMPLETE }, desiredState: TaskState.COMPLETE };
  const task = (of: Service, overrides: object = {}) =>
    aTaskOf(of, of === job ? { jobIteration: { index: 4n }, ...overrides } : overrides);
  api.store.seed({
    service: [replicated, global, job],
    task: [
      task(replicated),
      task(replicated, { status: { state: TaskState.FAILED } }),
      task(global),
      task(global, { status: { state: TaskState.PENDING } }),
      task(global, { desiredState: TaskState.SHUTDOWN }),
      task(job, { desiredState: TaskState.COMPLETE }),
      task(job, ended),
      task(job, { ...ended, jobIteration: { index: 3n } }),
    ],
  });
  const { statuses } = await api.call('listServiceStatuses', { services: ['r', 'x', 'g', 'j'] });
  assert.deepEqual(
    statuses.map((each) => [
      each.serviceId,
      each.desiredTasks,
      each.runningTasks,
      each.completedTasks,
    ]),
    [
      ['r', 3n, 1n, 0n],
      ['x', 0n, 0n, 0n],
      ['g', 2n, 2n, 0n],
      ['j', 2n, 1n, 1n],
    ],
  );
});

// What can never be updated

const hostPort = {
  endpoint: { ports: [{ publishedPort: 80, publishMode: 1, protocol: 0, targetPort: 80 }] },
};
const replicated = (replicas: bigint): Partially<ServiceSpec> => ({
  mode: { $case: 'replicated', value: { replicas } },
});

test('start-first where there is no room for one more task is refused, with the reason', async () => {
  api.store.seed({ node: [aNode(), aNode()] });
  const refuse = (overrides: Partially<ServiceSpec>, message: string) =>
    api.refused('createService', { spec: aSpec(overrides) }, 'invalid-argument', message);
  await refuse(
    { ...hostPort, ...replicated(2n), update: { order: 1 } },
    'UpdateConfig: start-first needs room for 3 tasks, but host port 80 can be used once on a node, and there are 2 nodes for them',
  );
  const twoANode = { task: { ...aSpec().task, placement: { maxReplicas: 2n } } };
  await refuse(
    { ...twoANode, ...replicated(4n), rollback: { order: 1 } },
    'RollbackConfig: start-first needs room for 5 tasks, but a node takes at most 2 (max replicas per node), and there are 2 nodes for them',
  );
  const service = await created({ ...hostPort, ...replicated(1n), update: { order: 1 } });
  await api.refused(
    'updateService',
    {
      serviceId: service.id,
      serviceVersion: version(service),
      spec: { ...service.spec!, mode: { $case: 'replicated', value: { replicas: 2n } } },
    },
    'invalid-argument',
    'UpdateConfig: start-first needs room for 3 tasks, but host port 80 can be used once on a node, and there are 2 nodes for them',
  );
});

test('labels of ours are checked', async () => {
  const labelled = (labels: Record<string, string>) => ({ annotations: { name: 'x', labels } });
  const refuse = (labels: Record<string, string>, message: string) =>
    api.refused('createService', { spec: aSpec(labelled(labels)) }, 'invalid-argument', message);
  await refuse(
    { 'swarmkit.update.progress-deadline': '5 minutes' },
    'label swarmkit.update.progress-deadline: "5 minutes" is no time span such as 90s, 1m30s or 500ms',
  );
  await refuse(
    { 'swarmkit.restart.backoff': 'false' },
    'label swarmkit.restart.backoff: "false" is neither on nor off',
  );
  await created(labelled({ 'swarmkit.stop.drain-delay': '1m0.5s' }));
});
