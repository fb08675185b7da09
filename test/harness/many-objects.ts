import { isRetryable } from '@swarmkit/sdk/plugin/errors';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import {
  CreateConfigRequest,
  CreateExtensionRequest,
  CreateNetworkRequest,
  CreateResourceRequest,
  CreateSecretRequest,
  CreateServiceRequest,
  RemoveConfigRequest,
  RemoveExtensionRequest,
  RemoveNetworkRequest,
  RemoveResourceRequest,
  RemoveSecretRequest,
  RemoveServiceRequest,
  UpdateConfigRequest,
  UpdateResourceRequest,
  UpdateSecretRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Config, Resource, Secret, Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { defined, type Swarm } from './swarm.js';
import { until } from './until.js';

/**
 * Makes, changes and removes objects of every kind that SwarmKit's managers have an API for, each a little
 * different, taking the managers it is given in turn: what one makes, the next one changes or removes.
 * Services ask for nodes that are not there, so that their tasks exist and no container does.
 */
export class ManyObjects {
  private calls = 0;
  private made = 0;
  private readonly number = instances++;

  constructor(
    private readonly by: readonly Swarm[],
    private readonly prefix: string,
  ) {}

  /** So many of each; every fourth is changed, every tenth removed again. */
  async make(counts: Readonly<Record<Makeable, number>>): Promise<void> {
    for (const kind of Object.keys(counts) as Makeable[])
      for (let i = 0; i < counts[kind]; i++) await this[kind](this.made++);
  }

  async config(i: number): Promise<void> {
    const spec = { annotations: this.annotations(i), data: Buffer.from(`config ${i}`) };
    const { config } = await this.ask(({ control }) =>
      control.createConfig(CreateConfigRequest.fromPartial({ spec }), brief),
    );
    const { id, meta, spec: had } = defined<Config>(config);
    if (i % 4 === 1)
      await this.ask(({ control }) =>
        control.updateConfig(
          UpdateConfigRequest.create({
            configId: id,
            configVersion: meta?.version,
            spec: { ...defined(had), annotations: this.annotations(i, 'changed') },
          }),
          brief,
        ),
      );
    if (i % 10 === 9)
      await this.ask(({ control }) =>
        control.removeConfig(RemoveConfigRequest.create({ configId: id }), brief),
      );
  }

  async secret(i: number): Promise<void> {
    const templating = i % 3 === 0 ? { templating: { name: 'golang', options: {} } } : {};
    const spec = {
      annotations: this.annotations(i),
      data: Buffer.from(`secret ${i}`),
      ...templating,
    };
    const { secret } = await this.ask(({ control }) =>
      control.createSecret(CreateSecretRequest.fromPartial({ spec }), brief),
    );
    const { id, meta, spec: had } = defined<Secret>(secret);
    if (i % 4 === 1)
      await this.ask(({ control }) =>
        control.updateSecret(
          UpdateSecretRequest.create({
            secretId: id,
            secretVersion: meta?.version,
            spec: { ...defined(had), annotations: this.annotations(i, 'changed') },
          }),
          brief,
        ),
      );
    if (i % 10 === 9)
      await this.ask(({ control }) =>
        control.removeSecret(RemoveSecretRequest.create({ secretId: id }), brief),
      );
  }

  async network(i: number): Promise<void> {
    const subnet = `10.${100 + 4 * this.number + Math.floor(i / 200)}.${i % 200}.0/24`;
    const spec = {
      annotations: this.annotations(i),
      driverConfig: { name: 'overlay', options: { a: '1', b: '2' } },
      attachable: i % 2 === 0,
      internal: i % 3 === 0,
      ...(i % 2 === 1 && {
        ipam: { driver: { name: 'default' }, configs: [{ subnet, family: 0 }] },
      }),
    };
    const { network } = await this.ask(({ control }) =>
      control.createNetwork(CreateNetworkRequest.fromPartial({ spec }), brief),
    );
    if (i % 10 === 9)
      await this.ask(({ control }) =>
        control.removeNetwork(
          RemoveNetworkRequest.create({ networkId: defined(network).id }),
          brief,
        ),
      );
  }

  async extension(i: number): Promise<void> {
    const request = { annotations: this.annotations(i), description: `kind ${i}` };
    const { extension } = await this.ask(({ control }) =>
      control.createExtension(CreateExtensionRequest.fromPartial(request), brief),
    );
    this.extensionName = defined(extension).annotations?.name ?? '';
    if (i % 10 === 9)
      await this.ask(({ control }) =>
        control.removeExtension(
          RemoveExtensionRequest.create({ extensionId: defined(extension).id }),
          brief,
        ),
      );
  }

  /** Of the last extension. */
  async resource(i: number): Promise<void> {
    const payload = { typeUrl: 'x/y', value: Buffer.from(`resource ${i}`) };
    const request = { annotations: this.annotations(i), kind: this.extensionName, payload };
    const { resource } = await this.ask(({ control }) =>
      control.createResource(CreateResourceRequest.fromPartial(request), brief),
    );
    const { id, meta } = defined<Resource>(resource);
    if (i % 4 === 1)
      await this.ask(({ control }) =>
        control.updateResource(
          UpdateResourceRequest.fromPartial({
            resourceId: id,
            ...(meta?.version && { resourceVersion: meta.version }),
            annotations: this.annotations(i, 'changed'),
            payload: { typeUrl: 'x/z', value: Buffer.alloc(0) },
          }),
          brief,
        ),
      );
    if (i % 10 === 9)
      await this.ask(({ control }) =>
        control.removeResource(RemoveResourceRequest.create({ resourceId: id }), brief),
      );
  }

  async service(i: number): Promise<void> {
    const spec = this.spec(i);
    const { service } = await this.ask(({ control }) =>
      control.createService(CreateServiceRequest.create({ spec }), brief),
    );
    const { id } = defined<Service>(service);
    if (i % 4 === 1)
      await this.ask((swarm) =>
        swarm.change(id, (old) => ({
          ...old,
          annotations: { ...defined(old.annotations), ...this.labels(i, 'changed') },
          task: { ...defined(old.task), forceUpdate: BigInt(i) },
        })),
      );
    if (i % 10 === 9)
      await this.ask(({ control }) =>
        control.removeService(RemoveServiceRequest.create({ serviceId: id }), brief),
      );
  }

  private extensionName = '';

  /** All that a spec can say and 20.10 knows, a part of it each time. */
  private spec(i: number): ServiceSpec {
    const modes = [
      { $case: 'replicated', value: { replicas: 4n } },
      { $case: 'replicatedJob', value: { maxConcurrent: 2n, totalCompletions: 2n } },
      { $case: 'global', value: {} },
      { $case: 'replicated', value: { replicas: 3n } },
      { $case: 'globalJob', value: {} },
    ] as const;
    const mode = defined(modes[i % modes.length]);
    const isJob = mode.$case === 'replicatedJob' || mode.$case === 'globalJob';
    const update = {
      parallelism: 2n,
      delay: { seconds: 3n, nanos: 5 },
      failureAction: 1,
      monitor: { seconds: 4n, nanos: 0 },
      maxFailureRatio: 0.25,
      // Ours refuses start-first with host ports: no node could ever do it.
      order: i % 3 === 0 ? 0 : 1,
    };
    return ServiceSpec.fromPartial({
      annotations: this.annotations(i),
      mode: mode as never,
      ...(i % 2 === 0 && !isJob && { update, rollback: { ...update, order: 0 } }),
      ...(i % 3 === 0 &&
        !isJob && {
          endpoint: {
            mode: 1,
            ports: [
              { protocol: 1, targetPort: 80, publishedPort: 20_000 + i, publishMode: 1, name: 'p' },
            ],
          },
        }),
      task: {
        placement: {
          constraints: ['node.labels.nowhere==true'],
          preferences: [
            { Preference: { $case: 'spread', value: { spreadDescriptor: 'node.labels.zone' } } },
          ],
          maxReplicas: 5n,
          platforms: [{ architecture: 'x86_64', os: 'linux' }],
        },
        resources: {
          limits: { nanoCpus: 500_000_000n, memoryBytes: 64_000_000n },
          reservations: {
            nanoCpus: 1_000_000n,
            memoryBytes: 4_194_304n,
            generic: [
              {
                resource: { $case: 'discreteResourceSpec', value: { kind: 'gpu', value: 1n } },
              },
            ],
          },
        },
        restart: {
          condition: isJob ? 1 : 2,
          delay: { seconds: 1n, nanos: 0 },
          maxAttempts: 3n,
          window: { seconds: 9n, nanos: 0 },
        },
        ...(i % 2 === 1 && {
          logDriver: { name: 'json-file', options: { 'max-size': '1m', 'max-file': '2' } },
        }),
        runtime: {
          $case: 'container',
          value: {
            image: BUSYBOX_REFERENCE,
            args: ['sleep', String(i)],
            env: ['A=1', 'B=2'],
            labels: { z: '26', a: '1' },
            dir: '/tmp',
            user: 'nobody',
            groups: ['users'],
            hostname: '{{.Node.Hostname}}',
            hosts: ['10.0.0.1 a'],
            tty: i % 2 === 0,
            readOnly: i % 2 === 1,
            stopSignal: 'SIGKILL',
            stopGracePeriod: { seconds: 1n, nanos: 0 },
            init: i % 2 === 0,
            sysctls: { 'net.core.somaxconn': '1024', 'net.ipv4.ip_forward': '1' },
            capabilityAdd: ['CAP_NET_ADMIN'],
            ulimits: [{ name: 'nofile', soft: 10n, hard: 20n }],
            dnsConfig: { nameservers: ['1.1.1.1'], search: ['x.y'], options: ['ndots:1'] },
            healthcheck: {
              test: ['CMD', 'true'],
              interval: { seconds: 1n, nanos: 0 },
              retries: 3,
            },
            mounts: [
              { type: 0, source: '/tmp', target: '/mnt', readonly: true, bindOptions: {} },
              {
                type: 1,
                source: 'data',
                target: '/data',
                volumeOptions: { labels: { l: '1', k: '2' }, driverConfig: { name: 'local' } },
              },
              { type: 2, target: '/cache', tmpfsOptions: { sizeBytes: 1_048_576n, mode: 448 } },
            ],
          },
        },
      },
    });
  }

  private annotations(i: number, word = 'made') {
    return { name: `${this.prefix}-${i}`, ...this.labels(i, word) };
  }

  private labels(i: number, word: string) {
    return { labels: { zeta: word, alpha: String(i), mid: this.prefix } };
  }

  /** The next manager in turn; again when nobody led for a moment. */
  private async ask<T>(call: (swarm: Swarm) => Promise<T>): Promise<T> {
    const swarm = defined(this.by[this.calls++ % this.by.length]);
    const done = await until('a manager takes it', () =>
      call(swarm).then(
        (value) => ({ value }),
        (error: unknown) => (isRetryable(error) ? undefined : { error }),
      ),
    );
    if ('error' in done) throw done.error;
    return done.value;
  }
}

/** Each has subnets of its own. */
let instances = 0;

export type Makeable = 'config' | 'secret' | 'network' | 'extension' | 'resource' | 'service';

const brief = { timeoutMs: 20_000 };
