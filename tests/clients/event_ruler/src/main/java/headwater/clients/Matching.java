package headwater.clients;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/** Reads a pattern and an event, each on a line; says whether they match, or that the pattern is refused. */
public final class Matching {
  private Matching() {}

  public static void main(String[] arguments) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (var pattern = lines.readLine(); pattern != null; pattern = lines.readLine()) {
      System.out.println(said(pattern, lines.readLine()));
    }
  }

  private static String said(String pattern, String event) throws Exception {
    var machine = new Machine();
    try {
      machine.addRule("rule", pattern);
    } catch (Exception refused) {
      return "refused";
    }
    return machine.rulesForJSONEvent(event).isEmpty() ? "no" : "yes";
  }
}
