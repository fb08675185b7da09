import 'reflect-metadata';
import type { Context, PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { type DependencyContainer, container as global } from 'tsyringe';
import { refusal } from './errors.js';

/**
 * Never a child of tsyringe's global container: libraries register in there, and what the graph does not
 * show must not be injected. Nor is order or disposal left to it: it disposes everything at once.
 */
export const newContainer = (outer?: DependencyContainer): DependencyContainer =>
  outer?.createChildContainer() ?? new (global.constructor as new () => DependencyContainer)();

type Doors = Pick<Context, 'maybe' | 'all'>;

/** Builds one plugin's classes from exactly the tokens that its manifest names. */
export function injectorFor(manifest: PluginManifest, { maybe, all }: Doors): Context['construct'] {
  const container = newContainer();
  const { id, requires = [], optional = [], accepts = [] } = manifest;
  for (const token of [...requires, ...optional, ...accepts])
    container.register(token.key, { useFactory: () => (token.many ? all : maybe)(token) });
  return <T>(type: new (...args: never[]) => T): T => {
    try {
      return container.resolve(type as new (...args: unknown[]) => T);
    } catch (error) {
      const token = /unregistered dependency token: "Symbol\((.+)\)"/.exec(`${error}`)?.[1];
      const message = `${id} may not inject ${token} into ${type.name}: its manifest does not name it`;
      throw token ? refusal('KERNEL_UNDECLARED', message, error, 'permission-denied') : error;
    }
  };
}
