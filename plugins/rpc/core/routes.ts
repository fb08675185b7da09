// Which service answers a call. Known services are those of the wire and those ever mounted; what is
// known but not mounted is answered UNIMPLEMENTED, or with the error that its unmount left.
import type { Exposure, Handler, MountedService } from '@swarmkit/sdk/contracts/rpc';
import { invariant, SwarmError } from '@swarmkit/sdk/plugin/errors';

/** One mounted service: where it is offered, and the calls in progress that end with it. */
export interface Mount<C> {
  readonly service: MountedService;
  readonly name: string;
  readonly calls: Set<C>;
}

/** `/docker.swarmkit.v1.Control/CreateService` -> `docker.swarmkit.v1.Control`. */
export const serviceNameOf = (path: string): string => path.split('/')[1] ?? '';

export class Routes<C> {
  private readonly mounts = new Map<string, Mount<C>>();
  private readonly absences = new Map<string, Error>();

  /** A service may be mounted once an exposure at a time. */
  mount(service: MountedService): Mount<C> {
    const first = Object.values(service.definition)[0];
    invariant(first !== undefined, 'RPC_EMPTY_SERVICE');
    const mount = { service, name: serviceNameOf(first.path), calls: new Set<C>() };
    for (const exposure of service.expose) {
      const key = keyOf(exposure, mount.name);
      invariant(!this.mounts.has(key), 'RPC_MOUNTED_TWICE', { service: mount.name, exposure });
      this.mounts.set(key, mount);
      this.absences.delete(key);
    }
    return mount;
  }

  /** False when it was unmounted before. */
  unmount(mount: Mount<C>, afterwards: Error | undefined): boolean {
    let found = false;
    for (const exposure of mount.service.expose) {
      const key = keyOf(exposure, mount.name);
      if (this.mounts.get(key) !== mount) continue;
      found = true;
      this.mounts.delete(key);
      if (afterwards !== undefined) this.absences.set(key, afterwards);
    }
    return found;
  }

  isMounted(exposure: Exposure, name: string): boolean {
    return this.mounts.has(keyOf(exposure, name));
  }

  /** Throws what the caller is to be told when nobody answers `method` of the service `name`. */
  find(
    exposure: Exposure,
    name: string,
    method: string,
  ): { readonly mount: Mount<C>; readonly handler: Handler } {
    const key = keyOf(exposure, name);
    const mount = this.mounts.get(key);
    if (mount === undefined) {
      throw (
        this.absences.get(key) ??
        new SwarmError(
          'unimplemented',
          'RPC_NOT_SERVED',
          `the service ${name} is not served on the ${exposure} endpoint of this node${hint[exposure]}`,
        )
      );
    }
    const handler = mount.service.handlers[method];
    if (handler === undefined) {
      throw new SwarmError(
        'unimplemented',
        'RPC_NOT_IMPLEMENTED',
        `the method ${method} of ${name} is not implemented yet`,
      );
    }
    return { mount, handler };
  }

  *all(): IterableIterator<Mount<C>> {
    yield* new Set(this.mounts.values());
  }
}

/** On the socket it is an operator who asks, and mostly the manager that is missing. */
const hint: Readonly<Record<Exposure, string>> = {
  control: ': no manager runs here at present, its log says why',
  remote: '',
};

const keyOf = (exposure: Exposure, name: string): string => `${exposure} ${name}`;
