import path from 'node:path';
import agent from '@swarmkit/plugin-agent/plugin';
import allocator from '@swarmkit/plugin-allocator/plugin';
import autolock from '@swarmkit/plugin-autolock/plugin';
import backup from '@swarmkit/plugin-backup/plugin';
import ca from '@swarmkit/plugin-ca/plugin';
import caExternal from '@swarmkit/plugin-ca-external/plugin';
import caServer from '@swarmkit/plugin-ca-server/plugin';
import cluster from '@swarmkit/plugin-cluster/plugin';
import controlApi from '@swarmkit/plugin-control-api/plugin';
import departure from '@swarmkit/plugin-departure/plugin';
import dispatcher from '@swarmkit/plugin-dispatcher/plugin';
import logBroker from '@swarmkit/plugin-log-broker/plugin';
import gossipRelay from '@swarmkit/plugin-gossip-relay/plugin';
import ipamDefault from '@swarmkit/plugin-ipam-default/plugin';
import leaderProxy from '@swarmkit/plugin-leader-proxy/plugin';
import logFiles from '@swarmkit/plugin-log-files/plugin';
import networkKeys from '@swarmkit/plugin-network-keys/plugin';
import orchestrator from '@swarmkit/plugin-orchestrator/plugin';
import raft from '@swarmkit/plugin-raft/plugin';
import reaper from '@swarmkit/plugin-reaper/plugin';
import removedNodes from '@swarmkit/plugin-removed-nodes/plugin';
import resourceApi from '@swarmkit/plugin-resource-api/plugin';
import roleManager from '@swarmkit/plugin-role-manager/plugin';
import rpc from '@swarmkit/plugin-rpc/plugin';
import scheduler from '@swarmkit/plugin-scheduler/plugin';
import secretDriverDocker from '@swarmkit/plugin-secret-driver-docker/plugin';
import storageRocksdb from '@swarmkit/plugin-storage-rocksdb/plugin';
import store from '@swarmkit/plugin-store/plugin';
import turn from '@swarmkit/plugin-turn/plugin';
import watchApi from '@swarmkit/plugin-watch-api/plugin';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import type { ExecutorName, Settings } from './settings.js';

/** The standard distribution: which plugins the daemon is made of, and what each is told. */

export async function standardPlugins(executor: ExecutorName): Promise<readonly PluginManifest[]> {
  return [
    storageRocksdb,
    ca,
    rpc,
    logFiles,
    raft,
    store,
    removedNodes,
    caExternal,
    leaderProxy,
    autolock,
    backup,
    controlApi,
    watchApi,
    cluster,
    caServer,
    turn,
    orchestrator,
    networkKeys,
    gossipRelay,
    ipamDefault,
    allocator,
    scheduler,
    reaper,
    roleManager,
    secretDriverDocker,
    dispatcher,
    logBroker,
    resourceApi,
    agent,
    departure,
    await executorPlugin(executor),
  ] as readonly PluginManifest[];
}

/** Only the chosen runtime's client is loaded. */
async function executorPlugin(name: ExecutorName): Promise<PluginManifest> {
  switch (name) {
    case 'containerd':
      return (await import('@swarmkit/plugin-executor-containerd/plugin'))
        .default as PluginManifest;
    case 'docker':
      return (await import('@swarmkit/plugin-executor-docker/plugin')).default as PluginManifest;
    case 'process':
      return (await import('@swarmkit/plugin-executor-process/plugin')).default as PluginManifest;
  }
}

/** The operator's own words for a plugin win over what follows from the settings. */
export function pluginConfig(settings: Settings): Record<string, Record<string, unknown>> {
  const dir = (name: string): string => path.join(settings.stateDir, name);
  const advertised =
    settings.advertiseRemoteApi === undefined
      ? {}
      : { advertiseAddress: settings.advertiseRemoteApi };
  const derived: Record<string, Record<string, unknown>> = {
    'storage-rocksdb': { dir: dir('storage') },
    ca: {
      dir: dir('certificates'),
      managersFile: dir('state.json'),
      controlSocket: settings.listenControlApi,
      ...(settings.join === undefined ? {} : { join: settings.join }),
      ...(settings.unlockKey === undefined ? {} : { unlockKey: settings.unlockKey }),
    },
    rpc: {
      controlSocket: settings.listenControlApi,
      remoteAddress: settings.listenRemoteApi,
    },
    'log-files': { dir: dir('logs') },
    raft: { ...advertised, ...(settings.forceNewCluster ? { forceNewCluster: true } : {}) },
    cluster: { ...advertised },
    agent: {
      controlSocket: settings.listenControlApi,
      ...(settings.hostname === undefined ? {} : { hostname: settings.hostname }),
      ...(settings.genericNodeResources === undefined
        ? {}
        : { genericResources: settings.genericNodeResources }),
    },
    ...executorConfig(settings, dir('runtime')),
  };
  const merged: Record<string, Record<string, unknown>> = { ...derived };
  for (const [id, config] of Object.entries(settings.plugins))
    merged[id] = { ...derived[id], ...config };
  return merged;
}

function executorConfig(settings: Settings, dir: string): Record<string, Record<string, unknown>> {
  switch (settings.executor) {
    case 'containerd':
      return { 'executor-containerd': { address: settings.containerdAddr, dir } };
    case 'docker':
      return { 'executor-docker': { socket: settings.engineAddr } };
    case 'process':
      return { 'executor-process': { dir } };
  }
}
