import type { ControlClient } from '@swarmkit/sdk/client/control';
import {
  ListConfigsRequest,
  ListNetworksRequest,
  ListNodesRequest,
  ListSecretsRequest,
  ListServicesRequest,
  ListTasksRequest,
  ListVolumesRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { hostnameOf } from '../find.js';

/** Somebody waits at the keyboard. */
const options = { timeoutMs: 1_000 };

export type CompletedKind = (typeof completedKinds)[number];
export const completedKinds = [
  'service',
  'node',
  'task',
  'secret',
  'config',
  'network',
  'volume',
] as const;

/** What completion offers: names where people use names, else ids. */
export async function namesOf(
  control: ControlClient,
  kind: CompletedKind,
): Promise<readonly string[]> {
  switch (kind) {
    case 'service': {
      const { services } = await control.listServices(ListServicesRequest.create(), options);
      return services.map((one) => one.spec?.annotations?.name || one.id);
    }
    case 'node': {
      const { nodes } = await control.listNodes(ListNodesRequest.create(), options);
      return nodes.map((one) => hostnameOf(one) || one.id);
    }
    case 'secret':
      return names((await control.listSecrets(ListSecretsRequest.create(), options)).secrets);
    case 'config':
      return names((await control.listConfigs(ListConfigsRequest.create(), options)).configs);
    case 'network':
      return names((await control.listNetworks(ListNetworksRequest.create(), options)).networks);
    case 'volume':
      return names((await control.listVolumes(ListVolumesRequest.create(), options)).volumes);
    case 'task': {
      const { tasks } = await control.listTasks(ListTasksRequest.create(), options);
      return tasks.map(({ id }) => id);
    }
  }
}

interface Named {
  readonly id: string;
  readonly spec: { readonly annotations: { readonly name: string } | undefined } | undefined;
}

const names = (objects: readonly Named[]): readonly string[] =>
  objects.map(({ id, spec }) => spec?.annotations?.name || id);
