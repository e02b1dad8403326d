// Apache Velocity's side of compare.py; see render.rs. JSON is read by json-smart and selected by Jayway's
// JsonPath, as API Gateway does it. Everything that can be kept between renderings is: the engine, the
// parsed template, the compiled paths, the constant part of the context.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.spi.json.JsonProvider;
import net.minidev.json.JSONArray;
import net.minidev.json.JSONObject;
import net.minidev.json.JSONStyle;
import net.minidev.json.JSONValue;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.Template;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.VelocityEngine;
import org.apache.velocity.runtime.resource.loader.StringResourceLoader;

public final class Render {
    private static final JsonProvider JSON = Configuration.defaultConfiguration().jsonProvider();
    private static final Map<String, JsonPath> PATHS = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        String text = Files.readString(Path.of(arguments[0]));
        String body = Files.readString(Path.of(arguments[1]));
        VelocityEngine engine = new VelocityEngine();
        engine.setProperty("runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        engine.setProperty("resource.loader", "string");
        engine.setProperty("string.resource.loader.class", StringResourceLoader.class.getName());
        engine.setProperty("string.resource.loader.cache", "true");
        engine.setProperty("velocimacro.library", "");
        engine.init();
        StringResourceLoader.getRepository().putStringResource("order", text);
        Template template = engine.getTemplate("order");
        VelocityContext constants = new VelocityContext();
        constants.put("util", new Util());
        constants.put("stageVariables", new HashMap<>(Map.of("env", "production")));
        constants.put("context", new HashMap<>(Map.of(
            "requestId", "c6af9ac6-7b61-41e6-9a41-93e8deadbeef",
            "stage", "prod",
            "identity", new HashMap<>(Map.of("sourceIp", "203.0.113.7", "userAgent", "curl/8.5.0 (x86_64-pc-linux-gnu)")))));

        System.out.println(render(template, constants, body).replace('\n', ' '));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String line;
        long characters = 0;
        while ((line = lines.readLine()) != null) {
            int count = Integer.parseInt(line);
            long begin = System.nanoTime();
            for (int index = 0; index < count; index++) {
                characters += render(template, constants, body).length();
            }
            System.out.println(System.nanoTime() - begin);
        }
        // Used, so that nothing above can be left out.
        System.err.println(characters);
    }

    private static String render(Template template, VelocityContext constants, String body) {
        VelocityContext context = new VelocityContext(constants);
        context.put("input", new Input(body));
        StringWriter out = new StringWriter(4096);
        template.merge(context, out);
        return out.toString();
    }

    public static final class Input {
        private final String body;
        private Object document;

        Input(String body) {
            this.body = body;
        }

        public Object path(String path) {
            if (document == null) {
                document = JSON.parse(body);
            }
            return PATHS.computeIfAbsent(path, JsonPath::compile).read(document);
        }

        public String json(String path) {
            Object value = path(path);
            if (value instanceof Map) {
                return JSONObject.toJSONString((Map<String, ?>) value, JSONStyle.LT_COMPRESS);
            }
            if (value instanceof List) {
                return JSONArray.toJSONString((List<?>) value, JSONStyle.LT_COMPRESS);
            }
            return JSONValue.toJSONString(value, JSONStyle.LT_COMPRESS);
        }
    }

    public static final class Util {
        public String escapeJavaScript(Object value) {
            return StringEscapeUtils.escapeJavaScript(String.valueOf(value));
        }
    }
}
