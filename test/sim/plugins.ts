/** The plugins under simulation, loaded once a process. A mutated raft may come from another folder. */
import { pathToFileURL } from 'node:url';
import agent from '@swarmkit/plugin-agent/plugin';
import allocator from '@swarmkit/plugin-allocator/plugin';
import cluster from '@swarmkit/plugin-cluster/plugin';
import controlApi from '@swarmkit/plugin-control-api/plugin';
import dispatcher from '@swarmkit/plugin-dispatcher/plugin';
import ipamDefault from '@swarmkit/plugin-ipam-default/plugin';
import leaderProxy from '@swarmkit/plugin-leader-proxy/plugin';
import orchestrator from '@swarmkit/plugin-orchestrator/plugin';
import raft from '@swarmkit/plugin-raft/plugin';
import reaper from '@swarmkit/plugin-reaper/plugin';
import scheduler from '@swarmkit/plugin-scheduler/plugin';
import store from '@swarmkit/plugin-store/plugin';
import turn from '@swarmkit/plugin-turn/plugin';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import type { PluginSet } from './world/machine.js';

type Any = PluginManifest;

export const plugins: PluginSet = {
  raft: raft as Any,
  store: store as Any,
  manager: [
    leaderProxy,
    controlApi,
    cluster,
    turn,
    orchestrator,
    ipamDefault,
    allocator,
    scheduler,
    reaper,
    dispatcher,
  ] as readonly Any[],
  agent: agent as Any,
};

/** The same with the raft plugin of another build: `file` is its plugin.js. */
export async function withRaft(file: string): Promise<PluginSet> {
  const module = (await import(pathToFileURL(file).href)) as { default: PluginManifest };
  return { ...plugins, raft: module.default };
}
