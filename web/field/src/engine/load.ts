// The engine starts a WebAssembly parser when it is imported, so only the screen that fills a questionnaire asks for it; where
// WebAssembly is refused the rest of the app still starts.
export type Engine = typeof import("@getodk/xforms-engine");

let loading: Promise<Engine> | null = null;

/** The engine, loaded once. Rejects when the browser cannot run it. */
export function loadEngine(): Promise<Engine> {
  loading ??= import("@getodk/xforms-engine").catch((reason: unknown) => {
    loading = null;
    throw reason;
  });
  return loading;
}
