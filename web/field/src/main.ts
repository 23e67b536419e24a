import { createApp } from "vue";
import App from "./App.vue";
import "./style.css";
import { language, speak } from "./words";

speak(language.value);
createApp(App).mount("#app");
