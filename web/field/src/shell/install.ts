// "Put on the home screen": Chromium offers it by an event; Safari has its own menu, which is told in words.
import { ref } from "vue";

interface InstallPrompt extends Event {
  prompt(): Promise<void>;
  userChoice: Promise<{ outcome: "accepted" | "dismissed" }>;
}

let offered: InstallPrompt | null = null;
export const installable = ref(false);
export const installed = ref(matchMedia("(display-mode: standalone)").matches);

addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offered = event as InstallPrompt;
  installable.value = true;
});
addEventListener("appinstalled", () => {
  installed.value = true;
  installable.value = false;
});

export async function install(): Promise<void> {
  if (offered === null) return;
  await offered.prompt();
  await offered.userChoice;
  offered = null;
  installable.value = false;
}
