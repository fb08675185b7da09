import { manifestProblem } from '@swarmkit/sdk/plugin/manifest-problem';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { refusal } from './errors.js';

/** What flows from one plugin to another. Within a scope `from` starts before `to`. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly token: string;
  readonly kind: 'requires' | 'optional' | 'accepts';
}

type Plugins = readonly PluginManifest[];

/**
 * From manifests to start order. All that can be wrong on paper is found here, before any plugin runs,
 * and said with both names: duplicates, missing or hidden providers, circles.
 */
export class Graph {
  /** Scope by scope in start order, without the plugins that are left out. */
  readonly nodes: Plugins;
  readonly edges: readonly GraphEdge[];
  private readonly plugins: Plugins;

  /** `scopes`: see scopePaths. `providers`: token id -> plugin that provides it, where several could. */
  constructor(
    installed: Plugins,
    private readonly scopes: ReadonlyMap<string, readonly string[]>,
    private readonly providers: Readonly<Record<string, string>> = {},
  ) {
    for (const plugin of installed) this.checkManifest(plugin);
    const sorted = installed.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const twin = sorted.find((plugin, at) => sorted[at + 1]?.id === plugin.id);
    if (twin) throw refusal('KERNEL_DUPLICATE_PLUGIN', `${twin.id} is installed twice: remove one`);
    this.checkChoices(sorted);
    this.plugins = sorted.filter((plugin) => !this.isIdle(plugin));
    this.edges = this.plugins.flatMap((plugin) => this.edgesInto(plugin));
    this.nodes = [...scopes.keys()].flatMap((scope) => this.sort(scope));
  }

  /** True when `providers` names another plugin for this token. */
  yields(plugin: PluginManifest, token: Token<unknown>): boolean {
    return (this.providers[token.id] ?? plugin.id) !== plugin.id;
  }

  /** A page of text: scope by scope in start order, each plugin with what it takes and from whom. */
  toString(): string {
    const drawn = ({ id, version }: PluginManifest): string[] => {
      const taken = this.edges.filter(({ to }) => to === id);
      const lines = taken.map(({ from, token, kind }) => `    <- ${from}: ${token} (${kind})`);
      return [`  ${id} ${version}`, ...lines];
    };
    const inside = (name: string): Plugins => this.nodes.filter(({ scope }) => scope === name);
    return [...this.scopes.keys()]
      .flatMap((name) => [name, ...inside(name).flatMap(drawn)])
      .join('\n');
  }

  private checkManifest(plugin: PluginManifest): void {
    const problem = manifestProblem(plugin);
    const { id, scope } = plugin ?? {};
    if (problem) throw refusal('KERNEL_MANIFEST', `${id} has no usable manifest: ${problem}`);
    if (!this.scopes.has(scope))
      throw refusal('KERNEL_SCOPE', `${id} lives in ${scope}, which is not a known scope`);
  }

  private checkChoices(installed: Plugins): void {
    for (const [token, id] of Object.entries(this.providers)) {
      const plugin = installed.find((candidate) => candidate.id === id);
      const fits = plugin?.provides?.some((provided) => provided.id === token);
      const why = plugin ? 'which does not provide it' : 'which is not installed';
      if (!fits) throw refusal('KERNEL_PROVIDERS', `providers names ${id} for ${token}, ${why}`);
    }
  }

  /** All that it could provide is left to others, and it adds nothing else. */
  private isIdle(plugin: PluginManifest): boolean {
    const { provides = [], contributes = [] } = plugin;
    const given = [...provides, ...contributes].some((token) => !this.yields(plugin, token));
    return provides.length > 0 && !given;
  }

  private edgesInto(plugin: PluginManifest): GraphEdge[] {
    const { id: to, scope, provides = [] } = plugin;
    for (const token of provides) {
      const [one, two] = this.givers(token, scope);
      const message = `${one?.id} and ${two?.id} both provide ${token.id}: choose one in providers`;
      if (two) throw refusal('KERNEL_DUPLICATE_PROVIDER', message);
    }
    const kinds = ['requires', 'optional', 'accepts'] as const;
    const wants = kinds.flatMap((kind) => plugin[kind]?.map((token) => ({ kind, token })) ?? []);
    return wants.flatMap(({ kind, token }) => {
      const givers = this.givers(token, scope).filter((giver) => giver !== plugin || !token.many);
      if (kind === 'requires' && givers.length === 0) throw this.unmet(plugin, token);
      return givers.map(({ id: from }) => ({ from, to, token: token.id, kind }));
    });
  }

  private unmet({ id, scope }: PluginManifest, token: Token<unknown>): Error {
    const needs = `${id} in ${scope} requires ${token.id}, which`;
    const [hidden] = this.givers(token);
    if (!hidden) return refusal('KERNEL_NO_PROVIDER', `${needs} no installed plugin provides`);
    const where = `only ${hidden.id} provides, in ${hidden.scope}: ${scope} does not see it`;
    return refusal('KERNEL_HIDDEN_PROVIDER', `${needs} ${where}`);
  }

  /** Who provides the token or contributes to it, as seen from a scope; without one, anywhere. */
  private givers(token: Token<unknown>, scope?: string): Plugins {
    const list = token.many ? 'contributes' : 'provides';
    const seen = this.scopes.get(scope ?? '');
    return this.plugins
      .filter((plugin) => plugin[list]?.some(({ key }) => key === token.key))
      .filter((plugin) => !this.yields(plugin, token) && (seen?.includes(plugin.scope) ?? true));
  }

  /** Givers before takers, ties by id. */
  private sort(scope: string): Plugins {
    const order: PluginManifest[] = [];
    let rest = this.plugins.filter((plugin) => plugin.scope === scope);
    const waitsFor = (plugin: PluginManifest): GraphEdge | undefined =>
      this.edges.find(({ from, to }) => to === plugin.id && rest.some(({ id }) => id === from));
    while (rest.length > 0) {
      const ready = rest.find((plugin) => waitsFor(plugin) === undefined);
      if (ready === undefined) throw circle(rest.flatMap((plugin) => waitsFor(plugin) ?? []));
      order.push(ready);
      rest = rest.filter((plugin) => plugin !== ready);
    }
    return order;
  }
}

/** Each waits for another one of them, so walking from wait to wait must come back. */
function circle(waits: readonly GraphEdge[]): Error {
  const path: GraphEdge[] = [];
  let edge = waits[0];
  while (edge && !path.includes(edge)) {
    path.push(edge);
    edge = waits.find(({ to }) => to === path.at(-1)?.from);
  }
  const round = path.slice(edge && path.indexOf(edge));
  const steps = round.map(({ from, to, token }) => `${to} takes ${token} from ${from}`);
  return refusal('KERNEL_CYCLE', `plugins wait for each other in a circle: ${steps.join(', ')}`);
}
