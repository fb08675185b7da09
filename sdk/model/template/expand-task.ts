/**
 * Placeholders in a task's container: env values, hostname, mounts, and what secrets and configs say.
 * Expanded where the task runs, with what is known there.
 */
import type { Config, Secret, Task } from '../../wire/gen/swarmkit/objects.js';
import type { ContainerSpec } from '../../wire/gen/swarmkit/specs.js';
import type { Mount, NodeDescription } from '../../wire/gen/swarmkit/types.js';
import { taskName } from '../task.js';
import { expandTemplate } from './evaluate.js';
import { type TemplateFunction, text } from './functions.js';
import { Struct, type Value } from './value.js';

/** What a template may say about where it is expanded. */
export function templateContext(task: Task, description: NodeDescription | undefined): Struct {
  const strings = (record: Readonly<Record<string, string>> | undefined): Value =>
    new Map(Object.entries(record ?? {}));
  const { platform, hostname = '' } = description ?? {};
  return new Struct('*template.Context', {
    Service: new Struct('template.Service', {
      ID: task.serviceId,
      Name: task.serviceAnnotations?.name ?? '',
      Labels: strings(task.serviceAnnotations?.labels),
    }),
    Node: new Struct('template.Node', {
      ID: task.nodeId,
      Hostname: hostname,
      Platform: new Struct('template.Platform', {
        Architecture: platform?.architecture ?? '',
        OS: platform?.os ?? '',
      }),
    }),
    Task: new Struct('template.Task', {
      ID: task.id,
      Name: taskName(task),
      Slot: task.slot === 0n ? task.nodeId : String(task.slot),
    }),
  });
}

/** The container with its placeholders filled in; the same object where there are none. Throws with SwarmKit's texts. */
export function expandContainer(container: ContainerSpec, data: Value): ContainerSpec {
  const expand = (value: string, what: string): string => {
    try {
      return expandTemplate(value, { data });
    } catch (error) {
      throw new Error(`expanding ${what} failed: ${(error as Error).message}`);
    }
  };
  if (!mayExpand(container)) return container;
  return {
    ...container,
    mounts: container.mounts.map((mount) => expandMount(mount, (value) => expand(value, 'mounts'))),
    env: container.env.map((entry) => {
      const equals = entry.indexOf('=');
      if (equals < 0 || !entry.includes('{{')) return entry;
      const value = entry.slice(equals + 1);
      try {
        return `${entry.slice(0, equals)}=${expandTemplate(value, { data })}`;
      } catch (error) {
        throw new Error(
          `expanding env failed: expanding env ${JSON.stringify(entry)}: ${(error as Error).message}`,
        );
      }
    }),
    hostname: expand(container.hostname, 'hostname'),
  };
}

const mayExpand = ({ env, hostname, mounts }: ContainerSpec): boolean =>
  hostname.includes('{{') ||
  env.some((entry) => entry.includes('{{')) ||
  mounts.some((mount) => mountTexts(mount).some((value) => value.includes('{{')));

const mountTexts = ({ source, target, volumeOptions }: Mount): readonly string[] => [
  source,
  target,
  ...Object.values(volumeOptions?.labels ?? {}),
  ...Object.values(volumeOptions?.driverConfig?.options ?? {}),
];

function expandMount(mount: Mount, expand: (value: string) => string): Mount {
  const values = (record: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key, expand(value)]));
  const { volumeOptions } = mount;
  const driver = volumeOptions?.driverConfig;
  return {
    ...mount,
    source: expand(mount.source),
    target: expand(mount.target),
    volumeOptions: volumeOptions && {
      ...volumeOptions,
      labels: values(volumeOptions.labels),
      driverConfig: driver && { ...driver, options: values(driver.options) },
    },
  };
}

/** What a payload may refer to: this task's own secrets and configs, by id, as they were given to the node. */
export interface Payloads {
  secret(id: string): Secret | undefined;
  config(id: string): Config | undefined;
}

export interface ExpandedPayload {
  readonly data: Buffer;
  /** A secret went into it: it must not be written to a disk. */
  readonly isSensitive: boolean;
}

/** A secret's or a config's payload for one task. Payloads that it includes go in as they are. */
export function expandPayload(
  object: Secret | Config,
  kind: 'secret' | 'config',
  task: Task,
  description: NodeDescription | undefined,
  payloads: Payloads,
): ExpandedPayload {
  const { spec } = object;
  const data = spec?.data ?? Buffer.alloc(0);
  let isSensitive = kind === 'secret';
  if (spec?.templating === undefined) return { data, isSensitive };
  if (spec.templating.name !== 'golang') throw new Error('unrecognized template type');
  const runtime = task.spec?.runtime;
  const container = runtime?.$case === 'container' ? runtime.value : undefined;
  const context = templateContext(task, description);
  const functions: Record<string, TemplateFunction> = {
    env: (name) => envOf(container && expandContainer(container, context), text(name)),
    secret: (target) => {
      isSensitive = true;
      const reference = container?.secrets.find((one) => fileName(one.target) === text(target));
      const found = reference && payloads.secret(reference.secretId)?.spec?.data;
      if (found === undefined) throw new Error(`secret target ${text(target)} not found`);
      return found.toString();
    },
    config: (target) => {
      const reference = container?.configs.find((one) => fileName(one.target) === text(target));
      const found = reference && payloads.config(reference.configId)?.spec?.data;
      if (found === undefined) throw new Error(`config target ${text(target)} not found`);
      return found.toString();
    },
  };
  try {
    const expanded = expandTemplate(data.toString(), { data: context, functions });
    return { data: Buffer.from(expanded), isSensitive };
  } catch (error) {
    throw new Error(`failed to expand templated ${kind} ${object.id}: ${(error as Error).message}`);
  }
}

const fileName = (
  target: { readonly $case: string; readonly value: object } | undefined,
): string | undefined =>
  target?.$case === 'file' ? (target.value as { readonly name: string }).name : undefined;

function envOf(container: ContainerSpec | undefined, name: string): string {
  const entry = container?.env.findLast((one) => one.startsWith(`${name}=`));
  return entry?.slice(name.length + 1) ?? '';
}
