/**
 * kill -9 of the leader until a survivor has taken a write, where SwarmKit's ticks of 1 s are kept: three managers
 * of ours with `timing: swarmkit`, two of ours with an engine, and, as the peer of both, three engines.
 * Each manager is on a host of its own. The three swarms lose their leaders in one moment: what is measured
 * is nearly all waiting.
 */
import {
  ControlService,
  CreateConfigRequest,
  ListNodesRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { RaftMemberStatus_Reachability as Reachability } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { staleRead } from '@swarmkit/sdk/model/stale-read';
import type { Cleanup } from '../harness/cleanup.js';
import { defined } from '../harness/swarm.js';
import { MixedGroup, type MixedNode } from '../harness/mixed-group.js';
import { until } from '../harness/until.js';
import { LightConnection } from './light-rpc.js';
import { untilWritten, type Write } from './raft-load.js';

export interface Failovers {
  readonly ours: readonly number[];
  readonly mixed: readonly number[];
  readonly engines: readonly number[];
}

export async function swarmkitFailovers(cleanup: Cleanup, rounds: number): Promise<Failovers> {
  const slow = { raft: { timing: 'swarmkit' } };
  const ours = await groupOf(new MixedGroup(cleanup, slow), 'ours', 'ours', 'ours');
  const mixed = await groupOf(new MixedGroup(cleanup), 'ours', 'ours', 'docker');
  const engines = await groupOf(new MixedGroup(cleanup), 'docker', 'docker', 'docker');
  const times = { ours: [] as number[], mixed: [] as number[], engines: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const group of [ours, mixed, engines]) await complete(group.nodes);
    await Promise.all([
      failover(ours).then((seconds) => times.ours.push(seconds)),
      failover(mixed).then((seconds) => times.mixed.push(seconds)),
      failover(engines).then((seconds) => times.engines.push(seconds)),
    ]);
  }
  return times;
}

async function groupOf(
  group: MixedGroup,
  ...kinds: readonly ('ours' | 'docker')[]
): Promise<MixedGroup> {
  for (const [index, kind] of kinds.entries()) {
    await group[kind](`${kind}-${index}`);
    // Whoever joins may be a voter before it has a log.
    await complete(group.nodes);
  }
  return group;
}

/** Every manager reaches every other one; each is asked what it sees itself, which an engine does not understand. */
export async function complete(managers: readonly Pick<MixedNode, 'swarm'>[]): Promise<void> {
  const options = { timeoutMs: 5_000, metadata: staleRead };
  const reached = async ({ swarm }: Pick<MixedNode, 'swarm'>): Promise<number> => {
    const { nodes } = await swarm.control.listNodes(ListNodesRequest.create(), options);
    return nodes.filter(
      ({ managerStatus }) => managerStatus?.reachability === Reachability.REACHABLE,
    ).length;
  };
  await until(
    'all managers reach each other',
    async () => (await Promise.all(managers.map(reached))).every((one) => one === managers.length),
    120_000,
  );
}

async function failover(group: MixedGroup): Promise<number> {
  const leader = await group.leader();
  const links = group.nodes
    .filter((node) => node !== leader)
    .map(
      ({ daemon, peer }) =>
        new LightConnection(`unix:${daemon?.socket ?? defined(peer).controlSocket}`),
    );
  // The signal is sent before either waits; what is left of an engine takes longer to clear away.
  const killed = leader.kill();
  const seconds = await untilWritten(links.map(writing));
  for (const link of links) link.close();
  await killed;
  await leader.start();
  return seconds;
}

export const writing =
  (link: LightConnection): Write =>
  async (name, data) => {
    const spec = { annotations: { name, labels: {}, indices: [] }, data, templating: undefined };
    await link.unary(ControlService.createConfig, CreateConfigRequest.create({ spec }));
  };
