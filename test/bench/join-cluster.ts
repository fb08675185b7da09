import type { ControlClient } from '@swarmkit/sdk/client/control';
import { ListClustersRequest, ListNodesRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Daemon } from '../harness/daemon.js';
import { until } from '../harness/until.js';
import type { Figure } from './report.js';

/** What the cases of `join` ask of a manager. */

export const clusterOf = (control: ControlClient): Promise<Cluster> =>
  until('the cluster is there', async () => {
    const { clusters } = await control.listClusters(ListClustersRequest.create());
    return clusters[0];
  });

export const readyNodes = async (control: ControlClient): Promise<number> =>
  (await control.listNodes(ListNodesRequest.create())).nodes.filter(
    ({ status }) => status?.state === NodeStatus_State.READY,
  ).length;

export const remoteAddressOf = (daemon: Daemon): Promise<string> =>
  until('it listens', () => /"exposure":"remote","address":"([^"]+)"/.exec(daemon.output)?.[1]);

export const joinFigure = (name: string, metric: string, unit: string, ours: number): Figure => ({
  bench: 'join',
  case: name,
  metric,
  unit,
  ours,
});
