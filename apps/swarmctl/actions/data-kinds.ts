/** Secrets and configs alike: how each is asked for over the wire. */
import type { ControlClient } from '@swarmkit/sdk/client/control';
import {
  CreateConfigRequest,
  CreateSecretRequest,
  ListConfigsRequest,
  ListSecretsRequest,
  RemoveConfigRequest,
  RemoveSecretRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Config, Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { findConfig, findSecret } from '../find.js';

export type DataKind = 'secret' | 'config';
export type DataObject = Secret | Config;

export interface DataSpec {
  readonly annotations: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly data: Buffer;
  readonly driver?: { readonly name: string };
  readonly templating?: { readonly name: string };
}

interface Access {
  find(control: ControlClient, word: string): Promise<DataObject>;
  list(control: ControlClient, filters: object): Promise<readonly DataObject[]>;
  create(control: ControlClient, spec: DataSpec): Promise<DataObject | undefined>;
  remove(control: ControlClient, id: string): Promise<unknown>;
  /** Ids that a container refers to. */
  used(container: ContainerSpec): readonly string[];
  /** The container with what it refers to by `from` referred to as `to`, in the same file. */
  moved(container: ContainerSpec, from: ReadonlySet<string>, to: DataObject): ContainerSpec;
}

const nameOf = ({ spec }: DataObject): string => spec?.annotations?.name ?? '';

export const access: Readonly<Record<DataKind, Access>> = {
  secret: {
    find: findSecret,
    list: async (control, filters) =>
      (await control.listSecrets(ListSecretsRequest.fromPartial({ filters }))).secrets,
    create: async (control, spec) =>
      (await control.createSecret(CreateSecretRequest.fromPartial({ spec }))).secret,
    remove: (control, secretId) => control.removeSecret(RemoveSecretRequest.create({ secretId })),
    used: ({ secrets }) => secrets.map(({ secretId }) => secretId),
    moved: (container, from, to) => ({
      ...container,
      secrets: container.secrets.map((one) =>
        from.has(one.secretId) ? { ...one, secretId: to.id, secretName: nameOf(to) } : one,
      ),
    }),
  },
  config: {
    find: findConfig,
    list: async (control, filters) =>
      (await control.listConfigs(ListConfigsRequest.fromPartial({ filters }))).configs,
    create: async (control, spec) =>
      (await control.createConfig(CreateConfigRequest.fromPartial({ spec }))).config,
    remove: (control, configId) => control.removeConfig(RemoveConfigRequest.create({ configId })),
    used: ({ configs }) => configs.map(({ configId }) => configId),
    moved: (container, from, to) => ({
      ...container,
      configs: container.configs.map((one) =>
        from.has(one.configId) ? { ...one, configId: to.id, configName: nameOf(to) } : one,
      ),
    }),
  },
};
