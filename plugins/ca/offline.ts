/** The identity of a node that does not run, for the tools of operators. The plugin itself is `plugin.ts`. */
export { OfflineIdentity } from './shell/offline-identity.js';
