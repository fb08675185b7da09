import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { departurePlugin, eraseState } from './departure.js';
import { pluginConfig, standardPlugins } from './distribution.js';
import { watchSelfOnSignal } from './self-watch.js';
import type { Settings } from './settings.js';
import { lockState } from './state-lock.js';

/** The log is standard output's alone; standard error has sentences for people. */
const standardOutput = 1;

/**
 * Runs the standard daemon. Resolves when it was stopped by a signal, or has left its cluster; throws why it could not start, or
 * what ended it. By then everything is stopped.
 */
export async function runDaemon(settings: Settings): Promise<void> {
  const { stateDir, logLevel } = settings;
  const log = createLogger(logLevel === 'fatal' ? 'error' : logLevel, standardOutput);
  const lock = lockState(stateDir);
  // Whatever ends the process: a file that stays behind is recognised, but this is tidier.
  process.once('exit', () => lock.release());
  logBugs((error) => log.error({ err: error }, `a bug: ${messageOf(error)}`));

  watchSelfOnSignal(log);

  let fail: (error: SwarmError) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  let leave: () => void = () => undefined;
  const leaving = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const host = new Host({
    plugins: [
      departurePlugin(() => leave()),
      ...(await standardPlugins(settings.executor)),
      ...(await furtherPlugins(settings.load)),
    ],
    config: pluginConfig(settings),
    providers: settings.providers,
    env: realEnv,
    log,
    onFatal: (error) => fail(error),
  });
  // The first signal stops the node, also while it starts; the second ends the process at once.
  let isStopping = false;
  const stopped = firstSignal((signal) => {
    isStopping = true;
    log.info({ signal }, 'stopping');
  }).then(() => host.stop());
  try {
    await host.start();
    log.info({ stateDir, controlApi: settings.listenControlApi }, 'swarmd is running');
  } catch (error) {
    // A start that was cut short by a signal is no failure.
    if (!isStopping) throw error;
  }
  const left = leaving.then(async () => {
    isStopping = true;
    await host.stop();
    eraseState(stateDir);
    log.info({ stateDir }, 'this node has left its cluster, and what it was is erased');
  });
  await Promise.race([stopped, left, failed]);
}

function firstSignal(tell: (signal: NodeJS.Signals) => void): Promise<void> {
  return new Promise((resolve) => {
    let wasSignalled = false;
    for (const name of ['SIGTERM', 'SIGINT'] as const)
      process.on(name, (signal) => {
        if (wasSignalled) process.exit(1);
        wasSignalled = true;
        tell(signal);
        resolve();
      });
  });
}

/** What nothing caught leaves the process in no state that anyone knows, so it ends. State on disk is safe. */
function logBugs(log: (error: unknown) => void): void {
  process.on('uncaughtException', (error) => {
    log(error);
    process.stderr.write(
      `swarmd: it ends because of a bug: ${messageOf(error).replaceAll(/\s+/g, ' ')}\n`,
    );
    process.exit(1);
  });
}

/** A folder that was named and has no plugin is a mistake that would otherwise show much later. */
async function furtherPlugins(folders: readonly string[]): Promise<readonly PluginManifest[]> {
  if (folders.length === 0) return [];
  // Loaded here: most daemons load nothing, and it takes its time.
  const { discoverPlugins } = await import('@swarmkit/kernel/discover');
  const found: PluginManifest[] = [];
  for (const folder of folders) {
    const plugins = await discoverPlugins([folder]);
    if (plugins.length === 0)
      throw new SwarmError(
        'invalid-argument',
        'SWARMD_SETTING',
        `load names ${folder}, and no package with a "swarmkit" part is in it: name the folder of a plugin package, or one that holds some`,
      );
    found.push(...plugins);
  }
  return found;
}
