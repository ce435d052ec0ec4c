import "@fontsource-variable/inter/opsz.css";
import "@fontsource/noto-sans-arabic/arabic-400.css";
import "@fontsource/noto-sans-arabic/arabic-600.css";
import "@fontsource/noto-sans-arabic/arabic-700.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import { mount } from "svelte";
import App from "./app/App.svelte";
import { tellWhatIsSaved } from "./app/saved.js";
import { language } from "./shared/language.svelte.js";
import { theme } from "./shared/theme.svelte.js";

theme.apply();
language.apply();
tellWhatIsSaved();

const target = document.getElementById("app");
if (target) mount(App, { target });
