import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSwarmError, type Kind } from '@swarmkit/sdk/plugin/errors';
import type { Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { ContainerSpec, ServiceSpec, TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { shortFloat } from '../core/validate/resources.js';
import { validateService } from '../core/validate-service.js';
import { aSpec } from './api.js';

const task = (overrides: Partially<TaskSpec>): ServiceSpec =>
  aSpec({ task: { ...aSpec().task, ...overrides } as Partially<TaskSpec> });

const container = (overrides: Partially<ContainerSpec>): ServiceSpec =>
  task({ runtime: { $case: 'container', value: { image: 'busybox', ...overrides } } });

const named = (name: string): ServiceSpec => aSpec({ annotations: { name } });
const limits = (amounts: { nanoCpus?: bigint; memoryBytes?: bigint }): ServiceSpec =>
  task({ resources: { limits: amounts } });
const span = (seconds: number, nanos = 0) => ({ seconds: BigInt(seconds), nanos });
const secret = (name: string, file: string | undefined) => ({
  secretId: `id-${name}`,
  secretName: name,
  target: file === undefined ? undefined : { $case: 'file' as const, value: { name: file } },
});
const config = (name: string, file: string | undefined) => ({
  configId: `id-${name}`,
  configName: name,
  target: file === undefined ? undefined : { $case: 'file' as const, value: { name: file } },
});
const generic = (kind: string, payload?: { typeUrl: string; value: Buffer }): ServiceSpec =>
  task({ runtime: { $case: 'generic', value: { kind, payload } } });
const port = (publishedPort: number, publishMode = 0, protocol = 0) => ({
  publishedPort,
  targetPort: 80,
  publishMode,
  protocol,
});
const job = { $case: 'replicatedJob' as const, value: { maxConcurrent: 1n, totalCompletions: 1n } };
const negative = (1n << 64n) - 1n;

const refusals: readonly [
  what: string,
  spec: ServiceSpec | undefined,
  text: string,
  kind?: Kind,
][] = [
  ['no spec', undefined, 'invalid argument'],
  [
    'a placeholder of nothing, in the host name',
    container({ hostname: '{{.Nothing.here}}' }),
    `expanding hostname failed: template: expansion:1:10: executing "expansion" at <.Nothing.here>: can't evaluate field Nothing in type *template.Context`,
  ],
  [
    'an action that does not end, in a variable, before the image is looked at',
    container({ image: '', env: ['A={{.Task.ID'] }),
    'expanding env failed: expanding env "A={{.Task.ID": template: expansion:1: unclosed action',
  ],
  [
    'a label of the service in a variable: not known yet',
    container({ env: ['A={{.Service.Labels.foo}}'] }),
    `expanding env failed: expanding env "A={{.Service.Labels.foo}}": template: expansion:1:10: executing "expansion" at <.Service.Labels.foo>: map has no entry for key "foo"`,
  ],
  [
    'a function of payloads in a variable',
    container({ env: ['A={{env "B"}}'] }),
    'expanding env failed: expanding env "A={{env \\"B\\"}}": template: expansion:1: function "env" not defined',
  ],
  [
    'a mount that cannot be filled in',
    container({ mounts: [{ target: '/{{.Node.Nothing}}' }] }),
    `expanding mounts failed: template: expansion:1:8: executing "expansion" at <.Node.Nothing>: can't evaluate field Nothing in type template.Node`,
  ],
  [
    'two mounts that become one',
    container({ mounts: [{ target: '/{{.Task.Slot}}' }, { target: '/1' }] }),
    'ContainerSpec: duplicate mount point: /1',
  ],
  ['no name', named(''), 'meta: name must be provided'],
  ['a dot in the name', named('a.b'), 'name must be valid as a DNS name component'],
  ['a dash at the end', named('a-'), 'name must be valid as a DNS name component'],
  ['a dash at the start', named('-a'), 'name must be valid as a DNS name component'],
  ['a long name', named('a'.repeat(64)), 'name must be 63 characters or fewer'],
  ['tiny cpu', limits({ nanoCpus: 42n }), 'invalid cpu value 4.2e-08: Must be at least 0.001'],
  ['negative cpu', limits({ nanoCpus: -1n }), 'invalid cpu value -1e-09: Must be at least 0.001'],
  [
    'tiny reserved cpu',
    task({ resources: { reservations: { nanoCpus: 999_999n } } }),
    'invalid cpu value 0.000999999: Must be at least 0.001',
  ],
  ['tiny memory', limits({ memoryBytes: 5n }), 'invalid memory value 5: Must be at least 4MiB'],
  [
    'negative restart delay',
    task({ restart: { delay: span(-1) } }),
    'TaskSpec: restart-delay cannot be negative',
  ],
  [
    'negative restart window',
    task({ restart: { window: span(0, -1) } }),
    'TaskSpec: restart-window cannot be negative',
  ],
  [
    'malformed duration',
    task({ restart: { delay: span(1, -1) } }),
    'duration: seconds:1 nanos:-1: seconds and nanos have different signs',
    'unknown',
  ],
  [
    'constraint without an operator',
    task({ placement: { constraints: ['node.id=abc'] } }),
    'constraint expected one operator from ==, !=',
    'unknown',
  ],
  ['short key', task({ placement: { constraints: ['a==b'] } }), "key 'a' is invalid", 'unknown'],
  [
    'bad value',
    task({ placement: { constraints: ['x.y == m == n'] } }),
    "value 'm == n' is invalid",
    'unknown',
  ],
  [
    'secret without a name',
    container({ secrets: [secret('', 'f')] }),
    'malformed secret reference',
  ],
  [
    'secret without a target',
    container({ secrets: [secret('a', undefined)] }),
    'malformed secret reference, no target provided',
  ],
  [
    'secret without a file name',
    container({ secrets: [secret('a', '')] }),
    'malformed file secret reference, invalid target file name provided',
  ],
  [
    'two secrets in one file',
    container({ secrets: [secret('a', 'f'), secret('b', 'f')] }),
    "secret references 'a' and 'b' have a conflicting target: 'f'",
  ],
  [
    'config without a name',
    container({ configs: [config('', 'f')] }),
    'malformed config reference',
  ],
  [
    'config without a target',
    container({ configs: [config('a', undefined)] }),
    'malformed config reference, no target provided',
  ],
  [
    'config without a file name',
    container({ configs: [config('a', '')] }),
    'malformed file config reference, invalid target file name provided',
  ],
  [
    'two configs in one file',
    container({ configs: [config('a', 'f'), config('b', 'f')] }),
    "config references 'a' and 'b' have a conflicting target: 'f'",
  ],
  [
    'credential spec from a config that is not listed for the runtime',
    container({
      configs: [config('a', 'f')],
      privileges: { credentialSpec: { source: { $case: 'config', value: 'id-a' } } },
    }),
    "CredentialSpec references config 'id-a', but that config isn't in config references with RuntimeTarget",
  ],
  ['no task', aSpec({ task: undefined }), 'TaskSpec: missing runtime'],
  ['no runtime', task({ runtime: undefined }), 'TaskSpec: missing runtime'],
  [
    'attachment',
    task({ runtime: { $case: 'attachment', value: { containerId: 'c' } } }),
    'RuntimeSpec: unimplemented runtime in service spec',
    'unimplemented',
  ],
  ['no image', container({ image: '' }), 'ContainerSpec: image reference must be provided'],
  [
    'bad image',
    container({ image: 'Bad Image' }),
    'ContainerSpec: "Bad Image" is not a valid repository/tag',
  ],
  [
    'one mount point twice',
    container({ mounts: [{ target: '/a' }, { target: '/b' }, { target: '/a' }] }),
    'ContainerSpec: duplicate mount point: /a',
  ],
  ...(['interval', 'timeout', 'startPeriod', 'startInterval'] as const).map(
    (field): (typeof refusals)[number] => [
      `short health ${field}`,
      container({ healthcheck: { [field]: span(0, 999_999) } }),
      `ContainerSpec: ${field.charAt(0).toUpperCase()}${field.slice(1)} in HealthConfig cannot be less than 1ms`,
    ],
  ),
  [
    'negative retries',
    container({ healthcheck: { retries: -1 } }),
    'ContainerSpec: Retries in HealthConfig cannot be negative',
  ],
  ['short generic name', generic('ab'), 'Generic runtime: Invalid name "ab"'],
  ['reserved name', generic('Container'), 'Generic runtime: "Container" is a reserved name'],
  ['no payload', generic('plugin'), 'Generic runtime is missing payload'],
  [
    'no payload type',
    generic('plugin', { typeUrl: '', value: Buffer.from('x') }),
    'Generic runtime is missing payload type',
  ],
  [
    'empty payload',
    generic('plugin', { typeUrl: 't', value: Buffer.alloc(0) }),
    'Generic runtime has an empty payload',
  ],
  ['no mode', aSpec({ mode: undefined }), 'Unrecognized service mode'],
  [
    'negative replicas',
    aSpec({ mode: { $case: 'replicated', value: { replicas: negative } } }),
    'Number of replicas must be non-negative',
  ],
  [
    'negative concurrency',
    aSpec({ mode: { ...job, value: { ...job.value, maxConcurrent: negative } } }),
    'Maximum concurrent jobs must not be negative',
  ],
  [
    'negative completions',
    aSpec({ mode: { ...job, value: { ...job.value, totalCompletions: negative } } }),
    'Total completed jobs must not be negative',
  ],
  ['job with updates', aSpec({ mode: job, update: {} }), 'Jobs may not have an update config'],
  [
    'negative update delay',
    aSpec({ update: { delay: span(-1) } }),
    'TaskSpec: update-delay cannot be negative',
  ],
  [
    'negative monitor',
    aSpec({ update: { monitor: span(-1) } }),
    'TaskSpec: update-monitor cannot be negative',
  ],
  ...[-0.1, 1.1, Number.NaN].map((maxFailureRatio): (typeof refusals)[number] => [
    `failure ratio ${maxFailureRatio}`,
    aSpec({ update: { maxFailureRatio } }),
    'TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1',
  ]),
  [
    'ingress port without virtual IPs',
    aSpec({ endpoint: { mode: 1, ports: [port(80)] } }),
    "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
  ],
  [
    'one port twice, in two modes',
    aSpec({ endpoint: { ports: [port(80), port(80, 1)] } }),
    'EndpointSpec: duplicate published ports provided',
  ],
];

for (const [what, spec, text, kind = 'invalid-argument'] of refusals)
  test(`refused: ${what}`, () => {
    assert.throws(
      () => validateService(spec),
      (error: unknown) => {
        assert.ok(isSwarmError(error));
        assert.deepEqual([error.kind, error.message], [kind, text]);
        return true;
      },
    );
  });

const accepted: readonly [what: string, spec: ServiceSpec][] = [
  ['the least', aSpec()],
  ['63 characters', named('a'.repeat(63))],
  ['inner dashes and underscores', named('a--b__C-1')],
  ['the least cpu and memory', limits({ nanoCpus: 1_000_000n, memoryBytes: 4n << 20n })],
  ['the same secret in two files', container({ secrets: [secret('a', 'f'), secret('a', 'g')] })],
  [
    'a secret and a config in one file',
    container({ secrets: [secret('a', 'f')], configs: [config('a', 'f')] }),
  ],
  ['file names with paths', container({ secrets: [secret('a', '../x'), secret('b', '/x')] })],
  [
    'health times of 0',
    container({ healthcheck: { interval: span(0), timeout: span(0, 1_000_000) } }),
  ],
  [
    'placeholders that a node fills in',
    container({
      hostname: '{{.Node.Hostname}}-{{.Task.Slot}}',
      env: ['A={{index .Service.Labels "foo"}}', '{{not a value', 'B={{.Service.Name}}'],
    }),
  ],
  ['an unknown constraint key', task({ placement: { constraints: ['node.foo==bar'] } })],
  [
    'a named generic reservation',
    task({
      resources: {
        reservations: {
          generic: [
            { resource: { $case: 'namedResourceSpec', value: { kind: 'gpu', value: 'a' } } },
          ],
        },
      },
    }),
  ],
  ['a rollback config that no update may have', aSpec({ rollback: { maxFailureRatio: 7 } })],
  ['a global job', aSpec({ mode: { $case: 'globalJob', value: {} } })],
  ['one number for two protocols', aSpec({ endpoint: { ports: [port(80), port(80, 0, 1)] } })],
  ['several automatic ports', aSpec({ endpoint: { ports: [port(0), port(0)] } })],
  ['host ports without virtual IPs', aSpec({ endpoint: { mode: 1, ports: [port(80, 1)] } })],
  ['a port that no machine has', aSpec({ endpoint: { ports: [port(70_000)] } })],
  ['a generic runtime', generic('plugin', { typeUrl: 't', value: Buffer.from('x') })],
];

for (const [what, spec] of accepted)
  test(`accepted: ${what}`, () => {
    validateService(spec);
  });

test('the first error wins, in the documented order', () => {
  const spec = aSpec({
    annotations: { name: '' },
    mode: undefined,
    endpoint: { mode: 1, ports: [port(80)] },
  });
  assert.throws(() => validateService(spec), /meta: name must be provided/);
  assert.throws(
    () => validateService({ ...spec, annotations: aSpec().annotations }),
    /Unrecognized service mode/,
  );
  const both = task({
    resources: { limits: { nanoCpus: 1n } },
    restart: { delay: span(-1) },
    runtime: undefined,
  });
  assert.throws(() => validateService(both), /invalid cpu value/);
});

test('numbers are printed with the fewest digits', () => {
  const printed = [4.2e-8, -1e-9, 0.0005, 0.0001, 0.00005, 0, -1.5, 123_456, -5e9, 1.5e-300];
  assert.deepEqual(printed.map(shortFloat), [
    '4.2e-08',
    '-1e-09',
    '0.0005',
    '0.0001',
    '5e-05',
    '0',
    '-1.5',
    '123456',
    '-5e+09',
    '1.5e-300',
  ]);
});

test('a name of a megabyte is refused at once', () => {
  assert.throws(() => validateService(named(`${'a'.repeat(1 << 20)}!`)), /DNS name component/);
});
