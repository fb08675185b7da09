/**
 * `--with-registry-auth`: what `docker login` has kept for the registry of an image, in the form in which
 * the nodes that pull it read it. It is stored in the cluster with the service, and shown to nobody.
 */
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Io } from '../io.js';
import { usage } from '../spec/units.js';

/** Docker's own name for its hub, also where it keeps what is for it. */
const hub = 'https://index.docker.io/v1/';

interface Login {
  readonly auth?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identitytoken?: string | undefined;
  readonly registrytoken?: string | undefined;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, Login>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** Base64 of JSON, as `PullOptions.registry_auth` has it; undefined where nothing is kept: the pull is anonymous. */
export async function registryLogin(io: Io, image: string): Promise<string | undefined> {
  const config = await dockerConfig(io);
  const server = serverOf(image);
  // Docker names the hub with its whole address here, and others by their host.
  const helpers = config.credHelpers ?? {};
  const helper = helpers[server] ?? helpers[hostOf(server)] ?? config.credsStore;
  const login = helper
    ? await fromHelper(io, helper, server)
    : Object.entries(config.auths ?? {}).find(([key]) => hostOf(key) === hostOf(server))?.[1];
  if (login === undefined) return undefined;
  const text = JSON.stringify({ ...unpacked(login), serveraddress: server });
  // The alphabet for URLs, with padding: Docker's nodes read nothing else.
  return Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

async function dockerConfig(io: Io): Promise<DockerConfig> {
  const folder = io.env.DOCKER_CONFIG || `${io.env.HOME ?? ''}/.docker`;
  const file = `${folder}/config.json`;
  const text = await io.read(file).catch((error: unknown) => {
    throw usage(`--with-registry-auth reads what docker login has kept: ${messageOf(error)}`);
  });
  try {
    return (JSON.parse(text.toString()) ?? {}) as DockerConfig;
  } catch {
    throw usage(`--with-registry-auth: ${file} is no JSON`);
  }
}

/** Docker writes its helpers' answers like this: one that keeps a token says so by the name. */
async function fromHelper(io: Io, helper: string, server: string): Promise<Login | undefined> {
  const answer = await io.credentials(helper, server);
  if (answer === undefined) return undefined;
  const { Username, Secret } = answer;
  return Username === '<token>'
    ? { identitytoken: Secret }
    : { username: Username, password: Secret };
}

function unpacked({ auth, username, password, identitytoken, registrytoken }: Login): Login {
  const tokens = { identitytoken, registrytoken };
  if (!auth) return { username, password, ...tokens };
  const [name = '', ...rest] = Buffer.from(auth, 'base64').toString().split(':');
  // What docker login pads it with.
  return { username: name, password: rest.join(':').replace(/\0+$/, ''), ...tokens };
}

/** The first part of a name is a registry where it has a dot or a port, or is this machine. */
function serverOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return !isRegistry || /^(index\.)?docker\.io$/.test(first) ? hub : first;
}

const hostOf = (server: string): string => server.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
