import { discoverPlugins } from '@swarmkit/kernel/discover';
import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { pluginConfig, standardPlugins } from './distribution.js';
import type { Settings } from './settings.js';
import { lockState } from './state-lock.js';

/** Runs the standard daemon until a signal or a fatal fault ends it. Resolves to the exit code. */
export async function runDaemon(settings: Settings): Promise<number> {
  const log = createLogger(settings.logLevel === 'fatal' ? 'error' : settings.logLevel);
  const plugins: readonly PluginManifest[] = [
    ...(await standardPlugins(settings.executor)),
    ...(await furtherPlugins(settings.load)),
  ];

  const lock = lockState(settings.stateDir);
  try {
    let end: (code: number) => void = () => undefined;
    const ended = new Promise<number>((resolve) => {
      end = resolve;
    });
    const host = new Host({
      plugins,
      config: pluginConfig(settings),
      providers: settings.providers,
      env: realEnv,
      log,
      onFatal: (error) => {
        log.error({ err: error }, `stopped by a fault: ${messageOf(error)}`);
        end(1);
      },
    });
    const onSignal = (signal: NodeJS.Signals): void => {
      log.info({ signal }, 'stopping');
      end(0);
    };
    process.once('SIGTERM', onSignal);
    process.once('SIGINT', onSignal);
    await host.start();
    log.info(
      { stateDir: settings.stateDir, controlApi: settings.listenControlApi },
      'swarmd is running',
    );
    const code = await ended;
    // A second signal during the stop ends the process at once.
    process.once('SIGTERM', () => process.exit(1));
    process.once('SIGINT', () => process.exit(1));
    await host.stop();
    return code;
  } finally {
    lock.release();
  }
}

/** A folder that was named and has no plugin is a mistake that would otherwise show much later. */
async function furtherPlugins(folders: readonly string[]): Promise<readonly PluginManifest[]> {
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
