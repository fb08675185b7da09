// Which service answers a call: the mounted one, or the stand-in that has taken its place. Known services are those of the wire and those ever mounted; what is
// known but not mounted is answered UNIMPLEMENTED, or with the error that its unmount left.
import type { Exposure, MountedService, StandIn } from '@swarmkit/sdk/contracts/rpc';
import { invariant, SwarmError } from '@swarmkit/sdk/plugin/errors';

/** One mounted service: where it is offered, what answers, and the calls in progress that end with it. */
export interface Mount<W, C> {
  readonly service: MountedService;
  readonly name: string;
  /** By method key. */
  readonly works: ReadonlyMap<string, W>;
  readonly calls: Set<C>;
}

/** A stand-in, and the calls in progress that end with it. */
export interface Standing<C> {
  readonly standIn: StandIn;
  readonly name: string;
  readonly calls: Set<C>;
}

/** `/docker.swarmkit.v1.Control/CreateService` -> `docker.swarmkit.v1.Control`. */
export const serviceNameOf = (path: string): string => path.split('/')[1] ?? '';

export class Routes<W, C> {
  private readonly mounts = new Map<string, Mount<W, C>>();
  private readonly standIns = new Map<string, Standing<C>>();
  private readonly absences = new Map<string, Error>();

  /** A service may be mounted once an exposure at a time. */
  mount(service: MountedService, works: ReadonlyMap<string, W>): Mount<W, C> {
    const mount = { service, name: nameOf(service.definition), works, calls: new Set<C>() };
    for (const exposure of service.expose) {
      const key = keyOf(exposure, mount.name);
      invariant(!this.mounts.has(key), 'RPC_MOUNTED_TWICE', { service: mount.name, exposure });
      this.mounts.set(key, mount);
      this.absences.delete(key);
    }
    return mount;
  }

  /** False when it was unmounted before. */
  unmount(mount: Mount<W, C>, afterwards: Error | undefined): boolean {
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

  stand(standIn: StandIn): Standing<C> {
    const standing = { standIn, name: nameOf(standIn.definition), calls: new Set<C>() };
    for (const exposure of standIn.expose) {
      const key = keyOf(exposure, standing.name);
      invariant(!this.standIns.has(key), 'RPC_MOUNTED_TWICE', { service: standing.name, exposure });
      this.standIns.set(key, standing);
    }
    return standing;
  }

  leave({ standIn, name }: Standing<C>): void {
    for (const exposure of standIn.expose) this.standIns.delete(keyOf(exposure, name));
  }

  /** Who stands in for the service now; undefined when the service itself answers. */
  standInFor(exposure: Exposure, name: string): Standing<C> | undefined {
    const key = keyOf(exposure, name);
    const standing = this.standIns.get(key);
    return standing?.standIn.defers() && this.mounts.has(key) ? undefined : standing;
  }

  isMounted(exposure: Exposure, name: string): boolean {
    return this.mounts.has(keyOf(exposure, name));
  }

  /** Throws what the caller is to be told when nobody answers `method` of the service `name`. */
  find(
    exposure: Exposure,
    name: string,
    method: string,
  ): { readonly mount: Mount<W, C>; readonly work: W } {
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
    const work = mount.works.get(method);
    if (work === undefined) {
      throw new SwarmError(
        'unimplemented',
        'RPC_NOT_IMPLEMENTED',
        `the method ${method} of ${name} is not implemented yet`,
      );
    }
    return { mount, work };
  }

  /** Everything that may have calls in progress. */
  *all(): IterableIterator<{ readonly name: string; readonly calls: Set<C> }> {
    yield* new Set(this.mounts.values());
    yield* new Set(this.standIns.values());
  }
}

function nameOf(definition: MountedService['definition']): string {
  const first = Object.values(definition)[0];
  invariant(first !== undefined, 'RPC_EMPTY_SERVICE');
  return serviceNameOf(first.path);
}

/** On the socket it is an operator who asks, and mostly the manager that is missing. */
const hint: Readonly<Record<Exposure, string>> = {
  control: ': no manager runs here at present, its log says why',
  remote: '',
};

const keyOf = (exposure: Exposure, name: string): string => `${exposure} ${name}`;
